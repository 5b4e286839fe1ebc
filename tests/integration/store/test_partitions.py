"""Usage by time: room is made ahead and hinders nobody, what is old goes, totals stay."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from keystile.store import keys, partitions, usage
from keystile.store import migrate as migrations
from keystile.store.partitions import Retention, drop_old, make_room
from keystile.store.pool import Connection, connect
from keystile.store.records import KeyRow, UsageRow

GATE = b"a" * 16
SHORTEST = Retention(hourly_days=3, daily_days=31, outcome_days=1)


@pytest.fixture
async def key(db: Connection, new_key: Any) -> KeyRow:
    return await keys.insert(db, new_key())


async def parts(conn: Connection, parent: str) -> list[str]:
    rows = await conn.fetch("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass", parent)
    return sorted(row[0] for row in rows)


async def today(conn: Connection) -> date:
    return await conn.fetchval("SELECT utc_today()")  # type: ignore[no-any-return]


async def count_back(conn: Connection, key: KeyRow, backs: list[int], retention: Retention) -> None:
    """Ten more requests for each of these numbers of days ago, by ever rising counters."""
    now: datetime = await conn.fetchval("SELECT now()")
    for place, back in enumerate(backs, start=1):
        row = UsageRow(key_id=key.id, requests=10 * place, last_used_at=now - timedelta(days=back))
        await usage.flush(conn, GATE, "m", [row], retention)


def name(parent: str, day: date) -> str:
    return f"{parent}_{day:%Y%m%d}"


async def test_the_migration_carries_everything_over(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conn = await connect(database_url)
    await conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    every = migrations.available()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "available", lambda: [step for step in every if step.number < 6])
        await migrations.migrate(conn)
    await conn.execute(
        """
        INSERT INTO usage_hourly SELECT 'key', date_trunc('hour', now()) - n * interval '7 hours', n, 1, 2
        FROM generate_series(0, 99) n;
        INSERT INTO usage_daily SELECT 'key', utc_today() - n * 5, n, 1, 2, 3, 4, 5, 6, 7
        FROM generate_series(0, 99) n;
        """
    )
    before = [await conn.fetch(f"SELECT * FROM {table} ORDER BY 2") for table in ("usage_hourly", "usage_daily")]
    assert next(step.number for step in await migrations.migrate(conn)) == 6
    after = [await conn.fetch(f"SELECT * FROM {table} ORDER BY 2") for table in ("usage_hourly", "usage_daily")]
    assert after == before
    assert [len(rows) for rows in after] == [100, 100]
    assert len(await parts(conn, "usage_daily")) >= 16
    # A key counts once an hour and once a day, as before.
    with pytest.raises(asyncpg.UniqueViolationError):
        await conn.execute("INSERT INTO usage_daily (key_id, date) VALUES ('key', utc_today())")
    await conn.close()


async def test_room_is_there_before_midnight(db: Connection) -> None:
    await make_room(db, ())
    day = await today(db)
    for ahead in (day, day + timedelta(days=1)):
        assert name("usage_hourly", ahead) in await parts(db, "usage_hourly")
        assert name("usage_daily", ahead.replace(day=1)) in await parts(db, "usage_daily")


async def test_agents_that_make_room_at_once_take_turns(db: Connection, database_url: str) -> None:
    day = await today(db)
    wanted = [day - timedelta(days=back) for back in range(8)]

    async def make(order: int) -> None:
        own = await connect(database_url)
        try:
            await make_room(own, wanted[::order])
        finally:
            await own.close()

    for _ in range(5):
        for day in wanted:
            await db.execute(f"DROP TABLE IF EXISTS {name('usage_hourly', day)}")
        await asyncio.gather(*(make(order) for order in (1, -1, 1, -1, 1)))
    assert set(await parts(db, "usage_hourly")) >= {name("usage_hourly", day) for day in wanted}


async def test_making_room_waits_for_nobody(db: Connection, database_url: str, key: KeyRow) -> None:
    busy = await connect(database_url)
    await count_back(db, key, [0], Retention())
    day = await today(db) - timedelta(days=7)
    transaction = busy.transaction()
    await transaction.start()
    try:
        await busy.execute("UPDATE usage_hourly SET requests = requests + 1")
        await db.execute("SET lock_timeout = '200ms'")
        # The plain way would wait for every flush there is, and every flush after it for that.
        with pytest.raises(asyncpg.LockNotAvailableError):
            await db.execute(f"CREATE TABLE x PARTITION OF usage_hourly FOR VALUES FROM ('{day}') TO ('{day} 01:00')")
        await make_room(db, [day])
    finally:
        await transaction.rollback()
        await busy.close()
    assert name("usage_hourly", day) in await parts(db, "usage_hourly")


async def test_what_is_old_goes_and_totals_stay(db: Connection, key: KeyRow) -> None:
    day = await today(db)
    await count_back(db, key, [300, 100, 40, 10, 3, 2, 1, 0], Retention(hourly_days=366))
    full = await usage.report(db, key.id, 366)
    assert full is not None
    assert (full.total_requests, sum(one.requests for one in full.daily)) == (80, 80)
    dropped = await drop_old(db, SHORTEST)
    assert dropped[:2] == [name("usage_hourly", day - timedelta(days=back)) for back in (300, 100)]
    assert name("usage_hourly", day - timedelta(days=3)) in dropped
    assert name("usage_daily", (day - timedelta(days=300)).replace(day=1)) in dropped
    assert await drop_old(db, SHORTEST) == []

    left = await usage.report(db, key.id, 366)
    assert left is not None
    assert left.total_requests == 80
    assert left.hourly == full.hourly, "48 hours are always there"
    recent = day - timedelta(days=30)
    assert [one for one in left.daily if one.date >= recent] == [one for one in full.daily if one.date >= recent]
    assert [one.requests for one in left.daily if one.date < (day - timedelta(days=62))] == [0] * (366 - 63)
    assert await db.fetchval("SELECT min(hour) FROM usage_hourly") >= datetime.combine(
        day - timedelta(days=2), datetime.min.time(), UTC
    )


async def test_late_counts_of_a_forgotten_time_go_into_the_totals_alone(db: Connection, key: KeyRow) -> None:
    before = await parts(db, "usage_hourly"), await parts(db, "usage_daily")
    await count_back(db, key, [3, 32, 30_000, 0], SHORTEST)
    assert await db.fetchval("SELECT requests FROM usage_totals") == 40
    assert await db.fetchval("SELECT sum(requests) FROM usage_daily") == 20
    assert await db.fetchval("SELECT sum(requests) FROM usage_hourly") == 10
    made = set(await parts(db, "usage_daily")) - set(before[1])
    assert made <= {name("usage_daily", (await today(db) - timedelta(days=3)).replace(day=1))}
    assert await parts(db, "usage_hourly") == before[0]


async def test_a_reader_keeps_a_partition_and_no_flush_waiting(db: Connection, database_url: str, key: KeyRow) -> None:
    await count_back(db, key, [30, 0], Retention(hourly_days=366))
    reader, other = await connect(database_url), await connect(database_url)
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT * FROM usage_hourly")
    dropping = asyncio.create_task(drop_old(other, SHORTEST))
    # As long as the reader reads, nothing of that table goes; flushes go on all the while.
    for total in range(100, 120):
        await usage.flush(db, GATE, "m", [UsageRow(key_id=key.id, requests=total)])
    assert not [gone for gone in await dropping if gone.startswith("usage_hourly")]
    assert await db.fetchval("SELECT requests FROM usage_totals") == 119
    await transaction.rollback()
    assert [gone for gone in await drop_old(other, SHORTEST) if gone.startswith("usage_hourly")]
    await reader.close()
    await other.close()


async def test_a_clock_that_leaps_ahead_costs_nothing(
    db: Connection, key: KeyRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Ahead:
            return super().now(tz) + timedelta(days=3_650)

    await count_back(db, key, [20, 0], Retention())
    monkeypatch.setattr(partitions, "datetime", Ahead)
    assert await drop_old(db, Retention(daily_days=366)) == []
    # And it would have cost something: by that clock alone everything is old.
    first = Retention().first_days(Ahead.now(UTC).date())["usage_daily"]
    assert all(part < name("usage_daily", first) for part in await parts(db, "usage_daily"))


async def test_a_partition_of_another_name_is_nobodys_to_drop(db: Connection) -> None:
    await db.execute(
        "CREATE TABLE usage_daily_archive PARTITION OF usage_daily FOR VALUES FROM ('2001-01-01') TO ('2002-01-01')"
    )
    await drop_old(db, SHORTEST)
    assert "usage_daily_archive" in await parts(db, "usage_daily")
