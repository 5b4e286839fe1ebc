"""Reading the audit trail."""

from __future__ import annotations

from keystile.hub.audit.schemas import AuditPage
from keystile.hub.auth import Caller
from keystile.hub.tenants.service import require_tenant
from keystile.store import audit
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
