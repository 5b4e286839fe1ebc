"""The import over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from keystile.hub.context import Hub
from keystile.hub.imports import batch, service
from keystile.hub.imports.schemas import MEDIA_TYPE, MOST_BYTES, ImportAnswer
from keystile.hub.requests import HubRequest, Tenant, check_media_type
from keystile.hub.rights import check_change

DryRun = Annotated[bool, QueryParameter(description="Look at every line, and store nothing.")]


class ImportsController(Controller):
    """Bring keys in whose secrets were made elsewhere."""

    path = "/v1/keys/import"
    tags = ("Keys",)

    @post("/", summary="Import keys", status_code=200, request_max_body_size=MOST_BYTES)
    async def take(
        self, request: HubRequest, hub: NamedDependency[Hub], dry_run: DryRun = False, tenant: Tenant = None
    ) -> ImportAnswer:
        """One JSON object a line. A line that is sent again makes no second key; one that is wrong stops no other."""
        check_media_type(request.scope["headers"], MEDIA_TYPE)
        # Read before the transaction, in which the caller's own key is held.
        lines = await batch.read(await request.body(), hub.issuer)
        if not dry_run:
            async with hub.changing(request) as call:
                return await service.take(call.connection, call.caller, lines, tenant, dry_run=False)
        async with hub.reading(request) as call, call.connection.transaction():
            check_change(call.caller)
            return await service.take(call.connection, call.caller, lines, tenant, dry_run=True)
