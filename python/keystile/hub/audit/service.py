"""Reading the audit trail."""

from __future__ import annotations

from collections.abc import Collection

from keystile.hub.audit.schemas import AuditPage
from keystile.hub.auth import Caller
from keystile.hub.tenants.service import require_tenant
from keystile.store import audit, keys, operators
from keystile.store.pool import Connection


async def page(
    connection: Connection,
    caller: Caller,
    *,
    tenant: str | None,
    key: str | None,
    target: str | None,
    action: str | None,
    limit: int,
    cursor: str | None,
) -> AuditPage:
    """One tenant's trail. `key` is who acted, `target` what was acted on."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    rows, following = await audit.page(
        connection, acting, actor=key, target=target, action=action, limit=limit, cursor=cursor
    )
    return AuditPage(items=rows, next_cursor=following)


async def actors(connection: Connection, caller: Caller, tenant: str | None, ids: Collection[str]) -> dict[str, str]:
    """What people call those who acted in a tenant: the addresses of operators, the names of keys. Others are left out.

    Those of the home tenant have names too, since they act in every tenant.
    """
    acting = await require_tenant(connection, caller.acting_for(tenant))
    wanted = sorted(ids)
    return await operators.names(connection, wanted, acting) | await keys.names(connection, wanted, acting)
