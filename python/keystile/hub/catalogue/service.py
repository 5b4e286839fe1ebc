"""Reading the catalogue. It is changed by configuration, not by calls."""

from __future__ import annotations

from keystile.hub.catalogue.schemas import ScopeList, TierList
from keystile.store import catalogue
from keystile.store.pool import Connection


async def scopes(connection: Connection) -> ScopeList:
    """Every scope."""
    return ScopeList(items=list(await catalogue.scopes(connection)))


async def tiers(connection: Connection) -> TierList:
    """Every tier."""
    return TierList(items=list(await catalogue.tiers(connection)))
