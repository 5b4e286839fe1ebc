"""The audit trail, written in the transaction of the change that it tells of."""

from __future__ import annotations

from collections.abc import Mapping

from keystile.hub.auth import Caller
from keystile.store import audit
from keystile.store.pool import Connection


async def record(
    connection: Connection,
    caller: Caller,
    action: str,
    *,
    tenant: str,
    target: str,
    detail: Mapping[str, object],
) -> None:
    """Say that the caller did `action` to `target`, which belongs to `tenant`. Never pass a secret."""
    await audit.write(
        connection,
        actor=caller.actor,
        tenant=tenant,
        action=action,
        target=target,
        detail=dict(detail),
        request_id=caller.request_id,
    )
