"""Keys. By-id calls take the tenant they may reach; None reaches every tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from keystile.errors import BadCursor, StoreError
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import Headline, KeyRow, NewKey, Revocation
from keystile.store.rows import part
from keystile.store.sql import sql

CHANGEABLE = ("name", "scopes", "tier", "expires_at", "disabled", "note")
"""What `update` can change."""


class _Order(NamedTuple):
    expression: str
    type: str


# Fragments of SQL that a page may be ordered by. Absent values are given a place of their own, so that the
# order is total: never used comes before every use, never expiring after every expiry.
_ORDERS = {
    "created_at": _Order("k.created_at", "timestamptz"),
    "name": _Order("lower(k.name)", "text"),
    "last_used_at": _Order("COALESCE(t.last_used_at, '-infinity')", "timestamptz"),
    "expires_at": _Order("COALESCE(k.expires_at, 'infinity')", "timestamptz"),
    "total_requests": _Order("COALESCE(t.requests, 0)", "bigint"),
}
SORTS = tuple(_ORDERS)
"""What `page` can sort by; a leading '-' reverses."""


async def insert(conn: Connection, new: NewKey) -> KeyRow:
    """Add a key. asyncpg.ForeignKeyViolationError for a tenant, scope or tier that does not exist."""
    record = await conn.fetchrow(
        sql("key_insert"),
        new.id,
        new.tenant,
        new.name,
        new.start,
        new.last4,
        new.digest,
        new.scopes,
        new.tier,
        new.created_by,
        new.expires_at,
        new.note,
    )
    assert record is not None  # noqa: S101  INSERT … RETURNING without a conflict clause gives its row
    return KeyRow(**record)


async def get(conn: Connection, key_id: str, tenant: str | None, *, lock: bool = False) -> KeyRow | None:
    """One key, or None. With `lock` it stays as it is until the transaction ends."""
    record = await conn.fetchrow(sql("key_get_locked" if lock else "key_get"), key_id, tenant)
    return None if record is None else KeyRow(**record)


async def page(
    conn: Connection,
    tenant: str,
    *,
    status: str | None = None,
    scope: str | None = None,
    tier: str | None = None,
    q: str | None = None,
    sort: str = "-created_at",
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[tuple[KeyRow, Headline]], str | None]:
    """Some keys of a tenant with their usage, and the cursor for more (None at the end).

    `q` is looked for in the name, the id, the first and the last characters, regardless of case.
    BadCursor for a cursor that this sort did not make; StoreError for an unknown sort.
    """
    after = _position(cursor, sort)
    try:
        records = await conn.fetch(_page_sql(sort, more=bool(after)), tenant, status, scope, tier, q, limit + 1, *after)
    except asyncpg.DataError:
        if cursor is None:
            raise
        raise BadCursor("the cursor was not made by this list") from None
    rows = [(part(record, KeyRow), part(record, Headline)) for record in records[:limit]]
    if len(records) <= limit:
        return rows, None
    return rows, encode_cursor((sort, records[limit - 1]["sort_value"], rows[-1][0].id))


async def names(conn: Connection, ids: Sequence[str], tenant: str) -> dict[str, str]:
    """The names of those keys that are of `tenant`, or of the home tenant."""
    return {record["id"]: record["name"] for record in await conn.fetch(sql("key_names"), list(ids), tenant)}


async def update(conn: Connection, key_id: str, tenant: str | None, changes: dict[str, object]) -> KeyRow | None:
    """Set the fields named in `changes`, out of CHANGEABLE; None if there is no such key."""
    unknown = changes.keys() - set(CHANGEABLE)
    if unknown:
        raise StoreError(f"a key's {min(unknown)} cannot be changed")
    values = [changes.get(field) for field in CHANGEABLE]
    record = await conn.fetchrow(sql("key_update"), key_id, tenant, list(changes), *values)
    return None if record is None else KeyRow(**record)


async def rotate(
    conn: Connection,
    key_id: str,
    tenant: str | None,
    *,
    digest: bytes,
    start: str,
    last4: str,
    overlap_seconds: int,
) -> KeyRow | None:
    """Give a key a new secret; the old one lives on for `overlap_seconds`, an older one ends at once.

    None if there is no such key or it is revoked.
    """
    record = await conn.fetchrow(sql("key_rotate"), key_id, tenant, digest, start, last4, float(overlap_seconds))
    return None if record is None else KeyRow(**record)


async def revoke(conn: Connection, key_id: str, tenant: str | None, reason: str | None) -> KeyRow | None:
    """Revoke a key for good; None if there is no such key. A second time changes nothing."""
    record = await conn.fetchrow(sql("key_revoke"), key_id, tenant, reason)
    return None if record is None else KeyRow(**record)


async def reassert(conn: Connection, actor: str, revocations: Sequence[Revocation]) -> list[str]:
    """Revoke keys again that this database has forgotten to be; the ids of those that it had. On disk on return.

    `actor` is who the audit trail names.
    """
    columns = [[getattr(one, field) for one in revocations] for field in Revocation.__struct_fields__]
    async with conn.transaction():
        await conn.execute("SET LOCAL synchronous_commit = on")
        records = await conn.fetch(sql("key_reassert"), *columns, actor)
    return [record["target"] for record in records]


def _page_sql(sort: str, *, more: bool) -> str:
    """The page query for a sort. Only fragments of this module are put into it, never input."""
    order = _ORDERS.get(sort.removeprefix("-"))
    if order is None:
        raise StoreError("keys cannot be sorted by that")
    down = sort.startswith("-")
    after = f"AND (:sort, k.id) {'<' if down else '>'} ($7::text::{order.type}, $8::text)" if more else ""
    return (
        sql("key_page")
        .replace(":after", after)
        .replace(":sort", order.expression)
        .replace(":direction", "DESC" if down else "ASC")
    )


def _position(cursor: str | None, sort: str) -> tuple[str, ...]:
    if cursor is None:
        return ()
    made_for, value, key_id = decode_cursor(cursor, tuple[str, str, str])
    if made_for != sort:
        raise BadCursor("the cursor was made for another sort")
    return (value, key_id)
