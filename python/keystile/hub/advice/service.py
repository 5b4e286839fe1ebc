"""Giving advice."""

from __future__ import annotations

from keystile.hub.advice.schemas import AdvicePage
from keystile.hub.auth import Caller
from keystile.hub.tenants.service import require_tenant
from keystile.store import advice
from keystile.store.pool import Connection


async def page(
    connection: Connection, caller: Caller, *, tenant: str | None, kind: str | None, limit: int, cursor: str | None
) -> AdvicePage:
    """Some of the advice about one tenant's keys."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    items, following = await advice.page(connection, acting, kind=kind, limit=limit, cursor=cursor)
    return AdvicePage(items=items, next_cursor=following)
