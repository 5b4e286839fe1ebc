"""The advice call over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from keystile.hub.advice import service
from keystile.hub.advice.schemas import AdvicePage, Kind
from keystile.hub.context import Hub
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant

KindFilter = Annotated[Kind | None, QueryParameter(description="Only of this kind.")]


class AdviceController(Controller):
    """What is to be looked at in keys."""

    path = "/v1/advice"
    tags = ("Advice",)

    @get("/", summary="Read advice")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        kind: KindFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> AdvicePage:
        """About active keys only, older keys first; each item names its remedy."""
        async with hub.reading(request) as session:
            return await service.page(
                session.connection, session.caller, tenant=tenant, kind=kind, limit=limit, cursor=cursor
            )
