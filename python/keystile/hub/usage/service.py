"""Reading usage figures."""

from __future__ import annotations

from keystile.hub.auth import Caller
from keystile.hub.errors import NotFound
from keystile.hub.keys.service import show
from keystile.hub.tenants.service import require_tenant
from keystile.hub.usage.schemas import UsageLine, UsageList
from keystile.store import usage
from keystile.store.pool import Connection
from keystile.store.records import KeyUsage


async def of_key(connection: Connection, caller: Caller, key_id: str, days: int) -> KeyUsage:
    """One key's figures over the last `days` days. NotFound for an absent or foreign key."""
    row = await show(connection, caller, key_id)
    report = await usage.report(connection, row.id, days)
    if report is None:
        raise NotFound
    return report


async def of_tenant(connection: Connection, caller: Caller, tenant: str | None) -> UsageList:
    """The headline figures of every key of a tenant."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    lines = [
        UsageLine(
            key_id=key.id,
            name=key.name,
            start=key.start,
            last4=key.last4,
            tier=key.tier,
            status=key.status,
            last_used_at=figures.last_used_at,
            total_requests=figures.total_requests,
            requests_30d=figures.requests_30d,
            error_rate=figures.error_rate,
        )
        for key, figures in await usage.headlines(connection, acting)
    ]
    return UsageList(items=lines)
