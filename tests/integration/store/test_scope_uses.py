"""Uses of scopes: dated by UTC day, written once a day, and never noted for the wrong key or scope."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from keystile.store import catalogue, feed, keys, usage
from keystile.store.pool import Connection
from keystile.store.records import KeyRow, ScopeRow, UsageRow

GATE, OTHER_GATE = b"a" * 16, b"b" * 16


@pytest.fixture
async def key(db: Connection, new_key: Any) -> KeyRow:
    return await keys.insert(db, new_key())


async def use(
    db: Connection, key_id: str, *scopes: str, at: datetime | None = None, requests: int = 1, gate: bytes = GATE
) -> None:
    row = UsageRow(key_id=key_id, requests=requests, last_used_at=at or datetime.now(UTC), scopes=scopes)
    await usage.flush(db, gate, "m", [row])


async def used(db: Connection, key_id: str) -> dict[str, date | None]:
    rows = await db.fetch("SELECT scope, used_on FROM scope_uses WHERE key_id = $1", key_id)
    return {row["scope"]: row["used_on"] for row in rows}


async def versions(db: Connection) -> list[int]:
    """Which transaction wrote each row: another one, if it was written again."""
    return [row[0] for row in await db.fetch("SELECT xmin::text::bigint FROM scope_uses ORDER BY key_id, scope")]


async def test_a_use_is_dated_by_the_keys_last_use(db: Connection, key: KeyRow) -> None:
    late = datetime.now(UTC).replace(hour=23, minute=59, second=59) - timedelta(days=3)
    await use(db, key.id, "PSA", at=late)
    assert await used(db, key.id) == {"PSA": late.date()}
    await use(db, key.id, "PSA", "CRM", at=late + timedelta(seconds=1), requests=2)
    assert await used(db, key.id) == dict.fromkeys(["PSA", "CRM"], late.date() + timedelta(days=1))
    # Another gate is behind: what is later stands.
    await use(db, key.id, "PSA", at=late, gate=OTHER_GATE)
    assert (await used(db, key.id))["PSA"] == late.date() + timedelta(days=1)


async def test_a_clock_that_is_ahead_dates_nothing_into_the_future(db: Connection, key: KeyRow) -> None:
    await use(db, key.id, "PSA", at=datetime.now(UTC) + timedelta(days=9))
    assert await used(db, key.id) == {"PSA": await db.fetchval("SELECT utc_today()")}


async def test_a_day_that_is_noted_is_not_written_again(db: Connection, key: KeyRow) -> None:
    await use(db, key.id, "PSA", "CRM")
    before = await versions(db)
    await use(db, key.id, "PSA", "CRM", requests=2)
    assert await versions(db) == before
    await db.execute("UPDATE scope_uses SET used_on = used_on - 1 WHERE scope = 'PSA'")
    changed = await versions(db)
    await use(db, key.id, "PSA", "CRM", requests=3)
    assert [a == b for a, b in zip(changed, await versions(db), strict=True)] == [True, False]


async def test_a_flush_may_name_a_key_twice_or_one_that_is_gone(db: Connection, key: KeyRow) -> None:
    now = datetime.now(UTC)
    rows = [
        UsageRow(key_id=key.id, requests=1, last_used_at=now, scopes=("PSA",)),
        UsageRow(key_id=key.id, requests=2, last_used_at=now, scopes=("PSA", "CRM")),
        UsageRow(key_id="nonsense", requests=2, last_used_at=now, scopes=("PSA",)),
    ]
    await usage.flush(db, GATE, "m", rows)
    assert set(await used(db, key.id)) == {"PSA", "CRM"}
    assert await db.fetchval("SELECT count(*) FROM scope_uses") == 2


async def test_a_key_that_goes_takes_its_rows_along(db: Connection, key: KeyRow) -> None:
    await use(db, key.id, "PSA")
    await db.execute(
        "INSERT INTO findings (key_id, kind, tenant, created_at, since) VALUES ($1, 'unused', 'acme', now(), now())",
        key.id,
    )
    await db.execute("DELETE FROM keys WHERE id = $1", key.id)
    assert (
        await db.fetchval("SELECT count(*) FROM scope_uses") == await db.fetchval("SELECT count(*) FROM findings") == 0
    )


async def test_a_scope_that_is_given_later_is_dated(db: Connection, key: KeyRow) -> None:
    await use(db, key.id, "PSA")
    await keys.update(db, key.id, "acme", {"scopes": ["PSA", "Books"]})
    rows = await db.fetch("SELECT scope, granted_at IS NOT NULL AS given FROM scope_uses ORDER BY scope")
    assert [tuple(row) for row in rows] == [("Books", True), ("PSA", False)]
    # Taken away and given back: a new beginning, and no use is forgotten.
    await keys.update(db, key.id, "acme", {"scopes": ["Books"]})
    await keys.update(db, key.id, "acme", {"scopes": ["PSA", "Books"]})
    assert await db.fetchval(
        "SELECT granted_at IS NOT NULL AND used_on IS NOT NULL FROM scope_uses WHERE scope = 'PSA'"
    )


async def test_a_scope_that_leaves_the_catalogue_is_still_noted_by_its_name(db: Connection, key: KeyRow) -> None:
    """A gate may report a use that it saw before it heard of the change: by name, so never as another scope."""
    await keys.update(db, key.id, "acme", {"scopes": ["CRM"]})
    kept = [scope for scope in await catalogue.scopes(db) if scope.name != "PSA"]
    async with db.transaction():
        await catalogue.apply(db, [ScopeRow(name="Files", grants="files"), *kept], await catalogue.tiers(db))
    await use(db, key.id, "PSA")
    assert set(await used(db, key.id)) == {"PSA"}


async def test_a_database_that_was_set_back_is_watched_anew(db: Connection) -> None:
    await db.execute("UPDATE watches SET at = now() - interval '1 year' WHERE name = 'scopes'")
    await feed.break_epoch(db, await db.fetchval("SELECT epoch FROM feed_clock"))
    assert await db.fetchval("SELECT at > now() - interval '1 minute' FROM watches WHERE name = 'scopes'")
