"""Reading the catalogue. It is changed by configuration, not by calls."""

from __future__ import annotations

from keystile.hub.auth import Caller
from keystile.hub.catalogue.schemas import CatalogueUse, ScopeList, TierList
from keystile.hub.tenants.service import require_tenant
from keystile.store import catalogue
from keystile.store.pool import Connection


async def scopes(connection: Connection) -> ScopeList:
    """Every scope."""
    return ScopeList(items=list(await catalogue.scopes(connection)))


async def tiers(connection: Connection) -> TierList:
    """Every tier."""
    return TierList(items=list(await catalogue.tiers(connection)))


async def use(connection: Connection, caller: Caller, tenant: str | None) -> CatalogueUse:
    """How many keys of a tenant, without the revoked ones, hold each scope and have each tier."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    scopes, tiers = await catalogue.use(connection, acting)
    return CatalogueUse(scopes=scopes, tiers=tiers)
