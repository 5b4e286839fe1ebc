"""The audit trail: written in the transaction of the change that it tells of, so neither exists alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import asyncpg
import msgspec

from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import AuditRow
from keystile.store.sql import sql

_RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


async def write(
    conn: Connection,
    *,
    actor: str,
    tenant: str | None,
    action: str,
    target: str,
    detail: Mapping[str, object],
    request_id: str | None,
) -> int:
    """Add one row and give its id. `detail` becomes a JSON object; never put a secret in it."""
    written: int = await conn.fetchval(
        sql("audit_write"), actor, tenant, action, target, msgspec.json.encode(detail).decode(), request_id
    )
    return written


async def page(
    conn: Connection,
    tenant: str | None,
    *,
    limit: int = 50,
    cursor: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
) -> tuple[list[AuditRow], str | None]:
    """Some rows of one tenant (None: of all), newest first, and the cursor for more (None at the end).

    BadCursor for a cursor of another list.
    """
    before = None if cursor is None else decode_cursor(cursor, tuple[_RowId])[0]
    records = await conn.fetch(sql("audit_page"), tenant, before, actor, action, target, limit + 1)
    rows = [_row(record) for record in records[:limit]]
    return rows, encode_cursor((rows[-1].id,)) if len(records) > limit else None


def _row(record: asyncpg.Record) -> AuditRow:
    return AuditRow(**{**record, "detail": msgspec.json.decode(record["detail"])})
