"""The audit trail: written in the transaction of the change that it tells of, so neither exists alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import msgspec

from keystile.errors import BadCursor
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import AuditRow
from keystile.store.sql import sql

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
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


async def write_many(
    conn: Connection,
    rows: Sequence[tuple[str, str, Mapping[str, object]]],
    *,
    actor: str,
    action: str,
    request_id: str | None,
) -> None:
    """Add rows of tenant, target and detail for one action."""
    tenants, targets, details = zip(*rows, strict=True) if rows else ((), (), ())
    encoded = [msgspec.json.encode(detail).decode() for detail in details]
    await conn.execute(sql("audit_write_many"), actor, action, request_id, tenants, targets, encoded)


async def page(
    conn: Connection,
    tenant: str | None,
    *,
    limit: int = 50,
    cursor: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[AuditRow], str | None]:
    """Some rows of one tenant (None: of all), newest first, and the cursor for more (None at the end).

    From `since` on and before `until`. BadCursor for a cursor of another list.
    """
    before = (None, None) if cursor is None else _position(cursor)
    records = await conn.fetch(sql("audit_page"), tenant, *before, actor, action, target, since, until, limit + 1)
    rows = [_row(record) for record in records[:limit]]
    return rows, encode_cursor((rows[-1].at.isoformat(), rows[-1].id)) if len(records) > limit else None


def _position(cursor: str) -> tuple[datetime, int]:
    """When the last row shown was made, and its id."""
    at, row_id = decode_cursor(cursor, tuple[_Time, _RowId])
    try:
        return at.astimezone(UTC), row_id
    except OverflowError:
        raise BadCursor("the cursor was not made by this list") from None


def _row(record: asyncpg.Record) -> AuditRow:
    return AuditRow(**{**record, "detail": msgspec.json.decode(record["detail"])})
