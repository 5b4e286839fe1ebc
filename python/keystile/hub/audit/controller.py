"""The audit call over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from keystile.hub.audit import service
from keystile.hub.audit.schemas import AuditPage
from keystile.hub.context import Hub
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant

Actor = Annotated[str | None, QueryParameter(description="Only what this key did.")]
Target = Annotated[str | None, QueryParameter(description="Only what was done to this key or tenant.")]
Action = Annotated[str | None, QueryParameter(description="Only this action, such as `key.revoke`.")]


class AuditController(Controller):
    """Who did what when."""

    path = "/v1/audit"
    tags = ("Audit",)

    @get("/", summary="Read the audit trail")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        key: Actor = None,
        target: Target = None,
        action: Action = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> AuditPage:
        """Newest first."""
        async with hub.reading(request) as call:
            return await service.page(
                call.connection,
                call.caller,
                tenant=tenant,
                key=key,
                target=target,
                action=action,
                limit=limit,
                cursor=cursor,
            )
