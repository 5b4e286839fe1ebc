"""Pages of a tenant's keys with their usage: filtered, sorted, and followed by cursors."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from keystile.errors import BadCursor, StoreError
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import Headline, KeyRow
from keystile.store.rows import part
from keystile.store.sql import sql


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

_FILTERS = {
    "status": "key_status(k.revoked_at, k.disabled, k.expires_at) = ${}::text",
    "scope": "${}::text = ANY (k.scopes)",
    "tier": "k.tier = ${}::text",
    "q": "strpos(lower(k.name || E'\\n' || k.id || E'\\n' || k.start || E'\\n' || k.last4), lower(${}::text)) > 0",
}


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
    asked = {"status": status, "scope": scope, "tier": tier, "q": q}
    filters = {name: value for name, value in asked.items() if value is not None}
    after = _position(cursor, sort)
    text = page_sql(sort, tuple(filters), more=bool(after))
    try:
        records = await conn.fetch(text, tenant, limit + 1, *filters.values(), *after)
    except asyncpg.DataError:
        if cursor is None:
            raise
        raise BadCursor("the cursor was not made by this list") from None
    rows = [(part(record, KeyRow), part(record, Headline)) for record in records[:limit]]
    if len(records) <= limit:
        return rows, None
    return rows, encode_cursor((sort, records[limit - 1]["sort_value"], rows[-1][0].id))


def page_sql(sort: str, filters: tuple[str, ...] = (), *, more: bool = False) -> str:
    """The page query for a sort and some filters, with a cursor or without; StoreError for an unknown sort.

    Only fragments of this module are put into it, never input.
    """
    order = _ORDERS.get(sort.removeprefix("-"))
    if order is None:
        raise StoreError("keys cannot be sorted by that")
    down = sort.startswith("-")
    place = len(filters) + 3
    after = f"AND (:sort, k.id) {'<' if down else '>'} (${place}::text::{order.type}, ${place + 1}::text)"
    return (
        sql("key_page")
        .replace(":filters", "".join(f"AND {_FILTERS[name].format(place)} " for place, name in enumerate(filters, 3)))
        .replace(":after", after if more else "")
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
