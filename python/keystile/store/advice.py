"""Advice about keys: what security people want changed, why, and by which remedy. Only keys that are active."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from keystile.errors import BadCursor
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.findings import UNUSED_DAYS
from keystile.store.pool import Connection
from keystile.store.sql import sql

OLD_SECRET_DAYS: Final = 90
"""A secret of this age is to be rotated."""

COUNTED: Final = 1_000
"""As far as is counted: so many is much to look at, and counting on takes longer than anybody waits for it."""

_RULES = {
    "old_secret": sql("advice_old_secret"),
    "no_expiry": sql("advice_no_expiry"),
    "unused": sql("advice_unused"),
    "unused_scopes": sql("advice_unused_scopes"),
    "sudden_change": sql("advice_sudden_change"),
}
KINDS = tuple(_RULES)
"""In the order in which a key's advice is given."""
_REMEDIES = {
    "old_secret": "rotate",
    "no_expiry": "set_expiry",
    "unused": "revoke",
    "unused_scopes": "drop_scopes",
    "sudden_change": "look",
}
_FRAGMENTS = {
    ":active": "k.revoked_at IS NULL AND NOT k.disabled"
    " AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())",
    ":old_secret_days": str(OLD_SECRET_DAYS),
    ":unused_days": str(UNUSED_DAYS),
}
_ANY_PLACE = "true"
_PLACE = "(created_at, key_id) >= ($3, $4) AND (key_id <> $4 OR :rank > $5)"


class Change(Struct, frozen=True, kw_only=True):
    """How a key changed against its own last week: 24 hours, and the mean day of the seven before them.

    `what` names `requests`, `error_rate` or both; rates are percentages of requests, None without any.
    """

    what: list[str]
    requests: int
    requests_before: float
    error_rate: float | None
    error_rate_before: float | None


class Advice(Struct, frozen=True, kw_only=True):
    """What is to be looked at in a key, since when it is so, and what remedies it."""

    key_id: str
    name: str
    kind: str
    since: datetime
    remedy: str
    scopes: list[str] | None = None
    """Of `unused_scopes`: those that the key holds and does not use."""
    change: Change | None = None
    """Of `sudden_change`."""


async def page(
    conn: Connection, tenant: str, *, kind: str | None = None, limit: int = 50, cursor: str | None = None
) -> tuple[list[Advice], str | None]:
    """Some of a tenant's advice, that about older keys first, and the cursor for more (None at the end).

    `kind` is one of KINDS, None for all. BadCursor for a cursor that this list did not make.
    """
    after = () if cursor is None else decode_cursor(cursor, tuple[datetime, str, int])
    query = page_query([kind] if kind else KINDS, more=bool(after))
    try:
        records = await conn.fetch(query, tenant, limit + 1, *after)
    except asyncpg.DataError:
        if cursor is None:
            raise
        raise BadCursor("the cursor was not made by this list") from None
    items = [_advice(record) for record in records[:limit]]
    if len(records) <= limit:
        return items, None
    last = records[limit - 1]
    return items, encode_cursor((last["created_at"].isoformat(), last["key_id"], last["rank"]))


async def advice_for(conn: Connection, tenant: str, key_ids: Sequence[str]) -> dict[str, list[Advice]]:
    """All advice about these keys of one tenant, by key; a key without any is absent. One query for all of them."""
    query = _of_each_kind(sql("advice_of_keys"))
    found: dict[str, list[Advice]] = {}
    for record in await conn.fetch(query, tenant, key_ids):
        found.setdefault(record["key_id"], []).append(_advice(record))
    for items in found.values():
        items.sort(key=lambda item: KINDS.index(item.kind))
    return found


async def counts(conn: Connection, tenant: str) -> dict[str, int]:
    """How many keys of a tenant each of KINDS is about; COUNTED + 1 stands for all that is more than COUNTED."""
    records = await conn.fetch(_of_each_kind(sql("advice_count")), tenant, COUNTED + 1)
    found = {record["kind"]: record["keys"] for record in records}
    return {kind: found[kind] for kind in KINDS}


def page_query(kinds: Iterable[str], *, more: bool) -> str:
    """The SQL of a page: of tenant $1, $2 pieces; with `more`, those that follow the place in $3 to $5."""
    parts = " UNION ALL ".join(_part(kind, more=more) for kind in kinds)
    return sql("advice_page").replace(":parts", parts)


def _of_each_kind(text: str) -> str:
    return " UNION ALL ".join(text.replace(":kind", kind).replace(":rule", _rule(kind)) for kind in KINDS)


def _part(kind: str, *, more: bool) -> str:
    text = sql("advice_part").replace(":after", _PLACE if more else _ANY_PLACE)
    return text.replace(":kind", kind).replace(":rank", str(KINDS.index(kind))).replace(":rule", _rule(kind))


def _rule(kind: str) -> str:
    text = _RULES[kind]
    for name, fragment in _FRAGMENTS.items():
        text = text.replace(name, fragment)
    return text


def _advice(record: asyncpg.Record) -> Advice:
    kind, detail = record["kind"], msgspec.json.decode(record["detail"])
    return Advice(
        key_id=record["key_id"],
        name=record["name"],
        kind=kind,
        since=record["since"],
        remedy=_REMEDIES[kind],
        scopes=detail.get("scopes"),
        change=_change(detail) if kind == "sudden_change" else None,
    )


def _change(detail: dict[str, Any]) -> Change:
    return Change(
        what=detail["what"],
        requests=detail["requests"],
        requests_before=round(detail["week_requests"] / 7, 1),
        error_rate=_percent(detail["errors"], detail["requests"]),
        error_rate_before=_percent(detail["week_errors"], detail["week_requests"]),
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
