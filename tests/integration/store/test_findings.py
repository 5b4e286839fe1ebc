"""Sudden changes: against the key's own week, in hundreds of requests, and not because it is Saturday."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from keystile.store import advice, findings, keys, usage
from keystile.store.advice import Advice
from keystile.store.partitions import make_room
from keystile.store.pool import Connection, connect
from keystile.store.records import KeyRow, UsageRow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def key(db: Connection, new_key: Any) -> KeyRow:
    """Ten days old, so that it has a whole week behind it."""
    row = await keys.insert(db, new_key(expires_at=await db.fetchval("SELECT now() + interval '9 days'")))
    await db.execute("UPDATE keys SET created_at = now() - interval '10 days'")
    return row


async def count(
    db: Connection, key_id: str, *, now: int, week: Sequence[int], errors: int = 0, errors_a_day: int = 0
) -> None:
    """Requests of the last 24 whole hours, half of them in the first and half in the last, and of each day before."""
    until: datetime = await db.fetchval("SELECT date_trunc('hour', now(), 'UTC')")
    first = (until - DAY).date()
    dates = [first - back * DAY for back in range(7, 0, -1)]
    await make_room(db, [*dates, first])
    hour = "INSERT INTO usage_hourly VALUES ($1, $2, $3, $4, 0)"
    await db.execute(hour, key_id, until - DAY, now // 2, errors // 2)
    await db.execute(hour, key_id, until - HOUR, now - now // 2, errors - errors // 2)
    # Neither the hour that is not over nor the one before the first is looked at.
    await db.execute(hour, key_id, until, 1_000_000, 0)
    await db.execute(hour, key_id, until - DAY - HOUR, 1_000_000, 0)
    for day, requests in zip(dates, week, strict=True):
        if requests:
            await db.execute(
                "INSERT INTO usage_daily (key_id, date, requests, server_errors) VALUES ($1, $2, $3, $4)",
                key_id, day, requests, errors_a_day,
            )  # fmt: skip


async def changes(db: Connection, tenant: str = "acme") -> list[Advice]:
    assert await findings.look(db, pause_s=0)
    return (await advice.page(db, tenant, kind="sudden_change"))[0]


STEADY = [100] * 7
OFFICE = [140, 140, 140, 140, 140, 0, 0]


@pytest.mark.parametrize(
    ("now", "week", "is_sudden"),
    [
        (299, STEADY, False),
        (300, STEADY, True),
        (300, [50, 50, 50, 50, 200, 50, 50], False),
        (400, [50, 50, 50, 50, 200, 50, 50], True),
        (99, [0] * 7, False),
        (100, [0] * 7, True),
        (34, STEADY, False),
        (33, STEADY, True),
        (0, STEADY, True),
        (0, [99] * 7, False),
        (0, OFFICE, False),
        (140, OFFICE, False),
        (100, [350, 350, 350, 350, 350, 350, 200], False),
        (99, [350, 350, 350, 350, 350, 350, 200], True),
    ],
)
async def test_requests(db: Connection, key: KeyRow, now: int, week: list[int], is_sudden: bool) -> None:
    await count(db, key.id, now=now, week=week)
    found = await changes(db)
    assert bool(found) == is_sudden
    for item in found:
        assert item.change is not None
        assert (item.kind, item.remedy, item.change.what) == ("sudden_change", "look", ["requests"])
        assert (item.change.requests, item.change.requests_before) == (now, round(sum(week) / 7, 1))


@pytest.mark.parametrize(
    ("errors", "errors_a_day", "is_sudden"),
    [(10, 0, True), (9, 0, False), (15, 5, True), (14, 5, False), (40, 20, True), (39, 20, False), (0, 50, False)],
)
async def test_error_rate(db: Connection, key: KeyRow, errors: int, errors_a_day: int, is_sudden: bool) -> None:
    await count(db, key.id, now=100, week=STEADY, errors=errors, errors_a_day=errors_a_day)
    found = await changes(db)
    assert bool(found) == is_sudden
    for item in found:
        assert item.change is not None
        assert item.change.what == ["error_rate"]
        assert (item.change.error_rate, item.change.error_rate_before) == (errors, errors_a_day)


async def test_few_requests_have_no_error_rate(db: Connection, key: KeyRow) -> None:
    await count(db, key.id, now=99, week=STEADY, errors=99)
    assert await changes(db) == []


async def test_the_largest_figures_do_not_overflow(db: Connection, key: KeyRow) -> None:
    most = 10**15
    await count(db, key.id, now=7 * most, week=[most] * 7, errors=7 * most, errors_a_day=1)
    (item,) = await changes(db)
    assert item.change is not None
    assert item.change.what == ["requests", "error_rate"]


async def test_a_key_without_a_whole_week_is_not_compared(db: Connection, key: KeyRow) -> None:
    await count(db, key.id, now=1_000, week=[0] * 7)
    await db.execute("UPDATE keys SET created_at = now() - interval '7 days'")
    assert await changes(db) == []
    await db.execute("UPDATE keys SET created_at = now() - interval '10 days'")
    assert len(await changes(db)) == 1
    assert await changes(db, "globex") == []


async def test_a_change_keeps_its_beginning_until_it_is_over(db: Connection, key: KeyRow) -> None:
    await count(db, key.id, now=1_000, week=STEADY)
    (first,) = await changes(db)
    await db.execute("UPDATE usage_hourly SET requests = requests * 2 WHERE requests < 1000")
    (second,) = await changes(db)
    assert first.change is not None
    assert second.change is not None
    assert (second.since, second.change.requests) == (first.since, 2 * first.change.requests)
    await db.execute("UPDATE usage_hourly SET requests = 50 WHERE requests <= 1000")
    assert await changes(db) == []


async def test_agents_take_turns(db: Connection, database_url: str) -> None:
    assert await findings.look(db)
    assert not await findings.look(db)
    await db.execute("UPDATE watches SET at = now() - interval '1 hour' WHERE name = 'findings'")
    others = [await connect(database_url) for _ in range(3)]
    try:
        assert sum(await asyncio.gather(*(findings.look(one) for one in others))) == 1
        # One that fails is no turn, and holds up nobody.
        await db.execute("UPDATE watches SET at = now() - interval '1 hour' WHERE name = 'findings'")
        await db.execute("ALTER TABLE usage_hourly RENAME TO elsewhere")
        with pytest.raises(Exception, match="usage_hourly"):
            await findings.look(others[0])
        await db.execute("ALTER TABLE elsewhere RENAME TO usage_hourly")
        assert await findings.look(others[1])
    finally:
        for one in others:
            await one.close()


async def test_what_has_not_changed_is_not_written_again(db: Connection, key: KeyRow) -> None:
    await count(db, key.id, now=1_000, week=STEADY)
    await db.execute("UPDATE keys SET created_at = now() - interval '60 days'")
    versions = "SELECT string_agg(xmin::text, ',' ORDER BY kind) FROM findings"
    assert await findings.look(db, pause_s=0)
    before = await db.fetchval(versions)
    assert before
    assert await findings.look(db, pause_s=0)
    assert await db.fetchval(versions) == before


async def test_a_noted_use_takes_a_finding_away(db: Connection, key: KeyRow) -> None:
    await db.execute("UPDATE keys SET created_at = now() - interval '60 days'")
    await db.execute("UPDATE watches SET at = now() - interval '60 days' WHERE name = 'scopes'")
    now = await db.fetchval("SELECT now()")
    await usage.flush(db, b"g" * 16, "m", [UsageRow(key_id=key.id, requests=1, last_used_at=now, scopes=("PSA",))])
    assert await findings.look(db, pause_s=0)
    (item,) = (await advice.page(db, "acme", kind="unused_scopes"))[0]
    assert item.scopes == ["CRM"]
    await usage.flush(db, b"g" * 16, "m", [UsageRow(key_id=key.id, requests=2, last_used_at=now, scopes=("CRM",))])
    assert (await advice.page(db, "acme"))[0] == []
