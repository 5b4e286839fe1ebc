"""The catalogue calls over HTTP."""

from __future__ import annotations

from litestar import Controller, get
from litestar.di import NamedDependency

from keystile.hub.catalogue import service
from keystile.hub.catalogue.schemas import ScopeList, TierList
from keystile.hub.context import Hub
from keystile.hub.requests import HubRequest


class CatalogueController(Controller):
    """Which scopes and tiers there are."""

    path = "/v1"
    tags = ("Catalogue",)

    @get("/scopes", summary="List scopes")
    async def scopes(self, request: HubRequest, hub: NamedDependency[Hub]) -> ScopeList:
        """What a key can be given access to."""
        async with hub.reading(request) as call:
            return await service.scopes(call.connection)

    @get("/tiers", summary="List tiers")
    async def tiers(self, request: HubRequest, hub: NamedDependency[Hub]) -> TierList:
        """How fast a key can be: `rate` in requests per minute, `burst` in requests."""
        async with hub.reading(request) as call:
            return await service.tiers(call.connection)
