"""Outcomes that were reported from outside: they add to errors, once each, and never to requests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from keystile.store.partitions import Retention, make_room
from keystile.store.pool import Connection
from keystile.store.records import OutcomeRow
from keystile.store.sql import sql

_FIRST_ERROR = 400


async def known_keys(conn: Connection, key_ids: Collection[str], tenant: str | None) -> tuple[datetime, set[str]]:
    """The database's clock, and those of the keys that there are in `tenant` (None: in any)."""
    record = await conn.fetchrow(sql("outcome_keys"), list(key_ids), tenant)
    if record is None:
        raise LookupError("a query that always gives a row gave none")
    return record["now"], set(record["known"])


async def add(
    conn: Connection, reporter: str, tenant: str | None, rows: Sequence[OutcomeRow], retention: Retention
) -> int:
    """Count those of the outcomes that tenant `reporter` has not reported before, in one transaction; how many.

    Keys outside `tenant` (None: any) count nothing. Batches of one reporter take turns, so that an id counts once
    whatever time it comes with.
    """
    async with conn.transaction():
        await conn.execute(sql("outcome_turn"), reporter)
        days = {row.at.astimezone(UTC).date() for row in rows}
        await conn.execute(sql("outcome_room"), sorted(days))
        noted = await conn.fetch(sql("outcome_note"), reporter, [row.id for row in rows], [row.at for row in rows])
        # Of an id that is twice in a batch, the first counts.
        first = {row.id: row for row in reversed(rows)}
        errors = [row for row in (first[record["id"]] for record in noted) if row.status >= _FIRST_ERROR]
        if errors:
            await make_room(conn, days, retention)
            columns = [[getattr(row, field) for row in errors] for field in ("key_id", "status", "at")]
            kept = (retention.hourly_days, retention.daily_days)
            await conn.execute(sql("outcome_count"), *columns, tenant, *kept)
    return len(noted)
