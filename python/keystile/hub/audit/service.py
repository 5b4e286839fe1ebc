"""Reading the audit trail."""

from __future__ import annotations

from collections.abc import Collection

from keystile.hub import text
from keystile.hub.audit.schemas import AuditPage, Wanted
from keystile.hub.auth import Caller
from keystile.hub.errors import Faults
from keystile.hub.tenants.service import require_tenant
from keystile.store import audit, keys, operators
from keystile.store.pool import Connection


def wanted(
    *, actor: str | None, target: str | None, action: str | None, since: str | None, until: str | None
) -> Wanted:
    """What a query asks for; times are RFC 3339. Invalid."""
    faults = Faults()
    found = Wanted(
        actor=actor,
        target=target,
        action=action,
        since=text.moment(faults, "since", since),
        until=text.moment(faults, "until", until),
    )
    faults.check()
    return found


async def page(
    connection: Connection, caller: Caller, asked: Wanted, *, tenant: str | None, limit: int, cursor: str | None
) -> AuditPage:
    """Some of one tenant's trail. NotFound for a foreign tenant."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    rows, following = await audit.page(
        connection,
        acting,
        actor=asked.actor,
        target=asked.target,
        action=asked.action,
        since=asked.since,
        until=asked.until,
        limit=limit,
        cursor=cursor,
    )
    return AuditPage(items=rows, next_cursor=following)


async def names(connection: Connection, caller: Caller, tenant: str | None, ids: Collection[str]) -> dict[str, str]:
    """What people call keys and operators: names and addresses by id, as far as the tenant may know them.

    Those of the home tenant have names too, since they act in every tenant. Others are left out.
    """
    acting = await require_tenant(connection, caller.acting_for(tenant))
    wanted = sorted(ids)
    return await operators.names(connection, wanted, acting) | await keys.names(connection, wanted, acting)
