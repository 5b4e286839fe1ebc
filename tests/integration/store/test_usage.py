"""Usage: everything a gate counted is added once, to the right key, hour and day."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from keystile.store import key_pages, keys, usage
from keystile.store.pool import Connection, connect
from keystile.store.records import Headline, KeyRow, KeyUsage, UsageRow

GATE, OTHER_GATE = b"a" * 16, b"b" * 16
DENIALS = ("rate_limited", "insufficient_scope", "revoked_key", "disabled_key", "expired_key")


@pytest.fixture
async def key(db: Connection, new_key: Any) -> KeyRow:
    return await keys.insert(db, new_key())


async def report(db: Connection, key: KeyRow, days: int = 30) -> KeyUsage:
    found = await usage.report(db, key.id, days, "acme")
    assert found is not None
    return found


async def test_a_key_never_used(db: Connection, key: KeyRow) -> None:
    found = await report(db, key, days=7)
    assert (found.last_used_at, found.total_requests, found.requests_30d, found.error_rate) == (None, 0, 0, None)
    assert found.denied == dict.fromkeys(DENIALS, 0)
    today = datetime.now(UTC).date()
    assert [day.date for day in found.daily] == [today - timedelta(days=back) for back in range(6, -1, -1)]
    assert len(found.hourly) == 48
    assert {hour.hour.minute for hour in found.hourly} == {0}
    assert found.hourly[-1].hour <= datetime.now(UTC) < found.hourly[-1].hour + timedelta(hours=1, seconds=5)
    steps = {b.hour - a.hour for a, b in zip(found.hourly, found.hourly[1:], strict=False)}
    assert steps == {timedelta(hours=1)}


async def test_only_the_difference_is_added(db: Connection, key: KeyRow) -> None:
    first = datetime.now(UTC)
    counted = UsageRow(
        key_id=key.id,
        requests=10,
        client_errors=3,
        server_errors=1,
        rate_limited=2,
        insufficient_scope=1,
        last_used_at=first,
    )
    await usage.flush(db, GATE, "one", [counted])
    await usage.flush(db, GATE, "one", [counted])
    later = first + timedelta(microseconds=7)
    more = UsageRow(
        key_id=key.id, requests=16, client_errors=3, server_errors=2, rate_limited=2, insufficient_scope=1,
        revoked=1, disabled=2, expired=3, last_used_at=later,
    )  # fmt: skip
    await usage.flush(db, GATE, "one", [more])
    await usage.flush(db, GATE, "one", [counted])
    found = await report(db, key)
    assert (found.total_requests, found.requests_30d, found.last_used_at) == (16, 16, later)
    assert found.error_rate == 31.25
    assert found.denied == dict(zip(DENIALS, (2, 1, 1, 2, 3), strict=True))
    assert sum(day.requests for day in found.daily) == sum(hour.requests for hour in found.hourly) == 16
    assert sum(day.client_errors for day in found.daily) == 3
    assert sum(hour.server_errors for hour in found.hourly) == 2


async def test_gates_add_up(db: Connection, key: KeyRow) -> None:
    now = datetime.now(UTC)
    for gate in (GATE, OTHER_GATE, GATE):
        await usage.flush(db, gate, "m", [UsageRow(key_id=key.id, requests=5, last_used_at=now)])
    # The other gate is behind, and so is its clock.
    late = UsageRow(key_id=key.id, requests=6, last_used_at=now - timedelta(hours=1))
    await usage.flush(db, OTHER_GATE, "m", [late])
    found = await report(db, key)
    assert (found.total_requests, found.last_used_at) == (11, now)


async def test_counts_that_waited_fall_into_their_own_hour_and_day(db: Connection, key: KeyRow) -> None:
    now = await db.fetchval("SELECT now()")
    for back, total in ((timedelta(days=31), 100), (timedelta(days=29), 300), (timedelta(hours=5), 600)):
        row = UsageRow(key_id=key.id, requests=total, client_errors=total // 10, last_used_at=now - back)
        await usage.flush(db, GATE, "m", [row])
    ahead = UsageRow(key_id=key.id, requests=1000, client_errors=60, last_used_at=now + timedelta(days=3))
    await usage.flush(db, GATE, "m", [ahead])
    found = await report(db, key, days=40)
    assert (found.total_requests, found.requests_30d) == (1000, 900)
    assert found.error_rate == round(100 * 50 / 900, 2)
    by_day = {day.date: day.requests for day in found.daily if day.requests}
    assert by_day[(now - timedelta(days=31)).date()] == 100
    assert by_day[(now - timedelta(days=29)).date()] == 200
    assert sum(by_day.values()) == 1000
    hours = {hour.hour: hour.requests for hour in found.hourly if hour.requests}
    assert hours == {_hour(now - timedelta(hours=5)): 300, _hour(now): 400}
    assert found.last_used_at is not None
    assert found.last_used_at < now + timedelta(minutes=1)


async def test_denials_outside_the_asked_days_are_left_out(db: Connection, key: KeyRow) -> None:
    row = UsageRow(key_id=key.id, requests=5, rate_limited=5, last_used_at=datetime.now(UTC) - timedelta(days=3))
    await usage.flush(db, GATE, "m", [row])
    assert (await report(db, key, days=3)).denied["rate_limited"] == 0
    assert (await report(db, key, days=4)).denied["rate_limited"] == 5


async def test_last_use_without_new_counts(db: Connection, key: KeyRow) -> None:
    now = datetime.now(UTC)
    await usage.flush(db, GATE, "m", [UsageRow(key_id=key.id, requests=1, last_used_at=now - timedelta(hours=1))])
    await usage.flush(db, GATE, "m", [UsageRow(key_id=key.id, requests=1, last_used_at=now)])
    found = await report(db, key)
    assert (found.total_requests, found.last_used_at) == (1, now)


async def test_keys_that_are_gone_are_ignored(db: Connection, key: KeyRow, new_key: Any) -> None:
    gone = await keys.insert(db, new_key())
    rows = [UsageRow(key_id=gone.id, requests=1), UsageRow(key_id="nonsense", requests=1)]
    await usage.flush(db, GATE, "m", [*rows, UsageRow(key_id=key.id, requests=2)])
    assert (await report(db, gone)).total_requests == 1
    await db.execute("DELETE FROM keys WHERE id = $1", gone.id)
    await usage.flush(db, GATE, "m", [UsageRow(key_id=gone.id, requests=9), UsageRow(key_id=key.id, requests=3)])
    assert await usage.report(db, gone.id, 30) is None
    assert (await report(db, key)).total_requests == 3
    for table in ("usage_marks", "usage_hourly", "usage_daily", "usage_totals"):
        assert await db.fetchval(f"SELECT count(*) FROM {table} WHERE key_id = $1", gone.id) == 0


async def test_an_empty_flush_and_a_key_twice(db: Connection, key: KeyRow) -> None:
    await usage.flush(db, GATE, "m", [])
    await usage.flush(db, GATE, "m", [UsageRow(key_id=key.id, requests=2), UsageRow(key_id=key.id, requests=7)])
    assert (await report(db, key)).total_requests == 7


async def test_a_gate_is_noted_with_its_last_flush(db: Connection) -> None:
    assert await usage.flushes(db, GATE) == 0
    assert await usage.flush(db, GATE, "one", []) == 1
    first = await db.fetchrow("SELECT machine, last_seen FROM gates")
    assert await usage.flush(db, GATE, "renamed", []) == await usage.flushes(db, GATE) == 2
    again = await db.fetchrow("SELECT machine, last_seen FROM gates")
    assert first is not None
    assert again is not None
    assert (first["machine"], again["machine"]) == ("one", "renamed")
    assert again["last_seen"] > first["last_seen"]


async def test_a_gates_id_has_16_bytes(db: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await usage.flush(db, b"short", "one", [])


async def test_headlines_are_the_tenants_own(db: Connection, key: KeyRow, new_key: Any) -> None:
    quiet = await keys.insert(db, new_key())
    foreign = await keys.insert(db, new_key(tenant="globex"))
    now = datetime.now(UTC)
    rows = [
        UsageRow(key_id=key.id, requests=8, server_errors=1, last_used_at=now),
        UsageRow(key_id=foreign.id, requests=1, last_used_at=now),
    ]
    await usage.flush(db, GATE, "m", rows)
    used = Headline(last_used_at=now, total_requests=8, requests_30d=8, error_rate=12.5)
    never = Headline(last_used_at=None, total_requests=0, requests_30d=0, error_rate=None)
    assert await usage.headlines(db, "acme") == [(quiet, never), (key, used)]
    page, _ = await key_pages.page(db, "acme")
    assert page == [(quiet, never), (key, used)]
    assert await usage.headline(db, key.id, "acme") == used
    assert await usage.headline(db, key.id, "globex") is None
    assert await usage.report(db, key.id, 30, "globex") is None


async def test_concurrent_flushes_count_exactly(db: Connection, database_url: str, new_key: Any) -> None:
    """Two agents for each of two gates send overlapping states of the same keys, in any order."""
    rows = [await keys.insert(db, new_key()) for _ in range(20)]

    async def agent(gate: bytes, turn: int) -> None:
        own = await connect(database_url)
        try:
            for total in range(1, 16):
                ordered = rows if turn else rows[::-1]
                batch = [UsageRow(key_id=row.id, requests=total, client_errors=total) for row in ordered]
                await usage.flush(own, gate, "m", batch)
        finally:
            await own.close()

    await asyncio.gather(*(agent(gate, turn) for gate in (GATE, OTHER_GATE) for turn in (0, 1)))
    for row in rows:
        found = await report(db, row)
        assert found.total_requests == sum(day.requests for day in found.daily) == 30
        assert sum(hour.client_errors for hour in found.hourly) == 30


async def test_dates_are_utc_in_any_session(db: Connection, key: KeyRow) -> None:
    await db.execute("SET TimeZone = 'Pacific/Kiritimati'")
    moment = datetime.now(UTC).replace(hour=0, minute=30) - timedelta(days=1)
    await usage.flush(db, GATE, "m", [UsageRow(key_id=key.id, requests=1, last_used_at=moment)])
    found = await report(db, key)
    days: list[date] = [day.date for day in found.daily if day.requests]
    assert days == [moment.date()]
    assert [hour.hour for hour in found.hourly if hour.requests] == [_hour(moment)]


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
