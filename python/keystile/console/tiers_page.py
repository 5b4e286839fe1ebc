"""The catalogue of tiers and scopes, and how many keys of the tenant use each."""

from __future__ import annotations

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from keystile.console.pages import Page, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.catalogue import service
from keystile.hub.context import Hub


class TiersPage(Controller):
    """To be read only: settings change the catalogue."""

    path = path_of("{tenant:str}", "tiers")

    @get("/")
    async def listed(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """Tiers, then scopes."""
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "tiers")
            tiers = await service.tiers(call.connection)
            scopes = await service.scopes(call.connection)
            use = await service.use(call.connection, call.caller, tenant)
        return page(request, "tiers.html", shell=frame, tiers=tiers.items, scopes=scopes.items, use=use)
