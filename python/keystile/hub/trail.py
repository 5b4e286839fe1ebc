"""The audit trail, written in the transaction of the change that it tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


async def record_each(
    connection: Connection, caller: Caller, action: str, told: Sequence[tuple[str, str, Mapping[str, object]]]
) -> None:
    """Say that the caller did `action` to each target: `told` are tenants, targets and details. Never pass a secret."""
    await audit.write_many(connection, told, actor=caller.actor, action=action, request_id=caller.request_id)
