"""Giving advice."""

from __future__ import annotations

from collections.abc import Sequence

from keystile.hub.advice.schemas import Advice, AdvicePage
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


async def of_keys(
    connection: Connection, caller: Caller, tenant: str, key_ids: Sequence[str]
) -> dict[str, list[Advice]]:
    """All advice about some keys of one tenant, by key; a key without any, absent or foreign, is left out."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    return await advice.advice_for(connection, acting, key_ids)


async def counts(connection: Connection, caller: Caller, tenant: str) -> dict[str, int]:
    """How many keys of one tenant each kind is about; COUNTED + 1 stands for all that is more than COUNTED."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    return await advice.counts(connection, acting)
