"""Outcomes that proxies report: counted once, to the right key and hour, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest
from world import World

from keystile.hub.usage.outcomes import MOST_BYTES, MOST_LINES
from keystile.store import outcomes
from keystile.store.partitions import DEFAULT_RETENTION
from keystile.store.pool import CLIENT_FAILURES, connect
from keystile.store.records import OutcomeRow
from tests.integration.relay import relayed

PATH = "/v1/usage/outcomes"
ABSENT = "key_01jdxz5k6mfq8r9s0tvwxyz012"
_numbers = count(1)


def outcome(key: str, **fields: Any) -> dict[str, Any]:
    """One that would be fine but for these fields."""
    number = next(_numbers)
    return {"id": f"req-{number}", "key_id": key, "status": 503, "at": datetime.now(UTC).isoformat(), **fields}


async def report(
    world: World, *lines: dict[str, Any] | bytes, secret: str | None = None, **options: Any
) -> httpx.Response:
    """Send a batch."""
    raw = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    client = world.client if secret is None else world.client_of(secret)
    headers = {"Content-Type": options.pop("media_type", "application/x-ndjson")}
    return await client.post(PATH, content=raw + b"\n", headers=headers)


async def errors(world: World, key: str) -> list[tuple[int, int, int]]:
    """Requests, client errors and server errors for good, by day and by hour."""
    found = []
    for table in ("usage_totals", "usage_daily", "usage_hourly"):
        sums = "sum(requests)::int, sum(client_errors)::int, sum(server_errors)::int"
        row = await world.connection.fetchrow(f"SELECT {sums} FROM {table} WHERE key_id = $1", key)
        assert row is not None
        found.append(tuple(value or 0 for value in row))
    return found


async def refused(world: World, answer: httpx.Response) -> dict[str, str]:
    """The faults by field; nothing of the batch is kept."""
    assert answer.status_code == 422, answer.text
    return {fault["field"]: fault["message"] for fault in answer.json()["errors"]}


async def test_only_errors_add_up_and_never_to_requests(world: World) -> None:
    key, _ = await world.issue()
    batch = [outcome(key["id"], status=status) for status in (200, 204, 302, 399, 400, 404, 499, 500, 503, 599, 101)]
    answer = await report(world, *batch)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 11, "duplicates": 0})
    assert await errors(world, key["id"]) == [(0, 3, 3)] * 3
    usage = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
    assert (usage["total_requests"], usage["error_rate"], usage["last_used_at"]) == (0, None, None)


async def test_a_batch_sent_again_adds_nothing(world: World) -> None:
    key, _ = await world.issue()
    batch = [outcome(key["id"], id=f"same-{number}") for number in range(5)]
    assert (await report(world, *batch)).json() == {"accepted": 5, "duplicates": 0}
    assert (await report(world, *batch, outcome(key["id"]))).json() == {"accepted": 1, "duplicates": 5}
    # An id is counted once whatever else is told of it, and whatever day it is told to be of.
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    changed = [{**one, "status": 404, "at": yesterday} for one in batch]
    assert (await report(world, *changed)).json() == {"accepted": 0, "duplicates": 5}
    twice = outcome(key["id"], id="twice")
    assert (await report(world, twice, {**twice, "status": 400})).json() == {"accepted": 1, "duplicates": 1}
    assert await errors(world, key["id"]) == [(0, 0, 7)] * 3


async def test_the_same_batch_many_times_at_once(world: World) -> None:
    key, _ = await world.issue()
    moments = [(datetime.now(UTC) - timedelta(hours=hours)).isoformat() for hours in range(0, 44, 11)]
    batch = [outcome(key["id"], id=f"race-{number}") for number in range(100)]
    # Each copy with times of its own, so that no unique key alone could tell that they are the same.
    copies = [[{**one, "at": moment} for one in batch] for moment in moments]
    answers = await asyncio.gather(*(report(world, *copy) for copy in copies))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(answer.json()["accepted"] for answer in answers) == [0, 0, 0, 100]
    assert await errors(world, key["id"]) == [(0, 0, 100)] * 3


async def test_without_turns_they_would_count_twice(world: World) -> None:
    """The paired test: two transactions that look for the ids at once both find none."""
    key, _ = await world.issue()
    first, second = [await connect(str(world.settings.database_url)) for _ in range(2)]
    now = datetime.now(UTC)
    found = 0
    async with first.transaction(), second.transaction():
        for conn, at in ((first, now), (second, now - timedelta(microseconds=1))):
            await conn.execute("SELECT usage_partition('usage_outcomes', 'day', $1)", at.date())
            rows = await conn.fetch(outcomes.sql("outcome_note"), "home", ["no-turn"], [at])
            found += len(rows)
    assert found == 2
    for conn in (first, second):
        await conn.close()
    assert key


async def test_an_answer_cut_after_the_commit(world: World) -> None:
    key, _ = await world.issue()
    rows = [OutcomeRow(id=f"cut-{n}", key_id=key["id"], status=500, at=datetime.now(UTC)) for n in range(3)]
    async with relayed(str(world.settings.database_url)) as (url, relay):
        relay.cutting = True
        conn = await connect(url)
        with pytest.raises((OSError, asyncpg.PostgresError, *CLIENT_FAILURES)):
            await outcomes.add(conn, "home", None, rows, DEFAULT_RETENTION)
        conn.terminate()
        assert relay.cuts == 1
        relay.cutting = False
        conn = await connect(url)
        assert await outcomes.add(conn, "home", None, rows, DEFAULT_RETENTION) == 0
        await conn.close()
    assert await errors(world, key["id"]) == [(0, 0, 3)] * 3


async def test_the_error_rate_ends_at_a_hundred(world: World) -> None:
    key, secret = await world.issue()
    assert await world.decide(secret) == (200, "ok")
    await report(world, *(outcome(key["id"]) for _ in range(5)))

    async def rate() -> float | None:
        usage = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
        return usage["error_rate"]  # type: ignore[no-any-return]

    for _ in range(500):
        if await rate() is not None:
            break
        await asyncio.sleep(0.02)
    assert await rate() == 100
    listed = (await world.client.get("/v1/usage")).json()["items"]
    assert {item["error_rate"] for item in listed if item["key_id"] == key["id"]} == {100}
    page = (await world.client.get("/v1/keys?limit=200")).json()["items"]
    assert {item["usage"]["error_rate"] for item in page if item["id"] == key["id"]} == {100}


async def test_each_falls_into_its_own_hour(world: World) -> None:
    key, _ = await world.issue()
    now = datetime.now(UTC)
    moments = [now, now - timedelta(hours=3), now - timedelta(hours=30), now + timedelta(minutes=4)]
    assert (await report(world, *(outcome(key["id"], at=at.isoformat()) for at in moments))).status_code == 200
    hours = await world.connection.fetch("SELECT hour FROM usage_hourly WHERE key_id = $1", key["id"])
    assert {row["hour"] for row in hours} == {at.replace(minute=0, second=0, microsecond=0) for at in moments}


def bad_lines(key: str) -> Iterator[tuple[dict[str, Any] | bytes, str]]:
    now = datetime.now(UTC)
    yield b"{", ""
    yield b"[]", ""
    yield b'"x"', ""
    yield b"\xff\xfe", ""
    yield b'{"id": "a", "id": "b"}', ""
    yield outcome(key, extra=1), ".extra"
    yield outcome(key, requests=9), ".requests"
    yield outcome(key, id=""), ".id"
    yield outcome(key, id="x" * 129), ".id"
    yield outcome(key, id="a\0b"), ".id"
    yield outcome(key, id=5), ".id"
    yield outcome(ABSENT), ".key_id"
    yield outcome("nonsense"), ".key_id"
    yield outcome("a\0b"), ".key_id"
    yield outcome(key, status=99), ".status"
    yield outcome(key, status=600), ".status"
    yield outcome(key, status="500"), ".status"
    yield outcome(key, status=500.5), ".status"
    yield outcome(key, at=now.replace(tzinfo=None).isoformat()), ".at"
    yield outcome(key, at=(now + timedelta(minutes=6)).isoformat()), ".at"
    yield outcome(key, at=(now - timedelta(days=2, minutes=1)).isoformat()), ".at"
    yield outcome(key, at="0001-01-01T00:00:00+14:00"), ".at"
    yield outcome(key, at="9999-12-31T23:59:59-14:00"), ".at"
    yield {"id": "x"}, ".status"


@pytest.mark.parametrize("place", range(len(list(bad_lines("")))))
async def test_one_bad_line_refuses_the_batch_and_is_named(world: World, place: int) -> None:
    key, _ = await world.issue()
    line, where = list(bad_lines(key["id"]))[place]
    good = [outcome(key["id"]) for _ in range(3)]
    faults = await refused(world, await report(world, good[0], good[1], line, good[2]))
    assert f"lines[3]{where}" in faults
    assert all(field.startswith("lines[3]") for field in faults)
    assert await errors(world, key["id"]) == [(0, 0, 0)] * 3
    assert (await report(world, *good)).json() == {"accepted": 3, "duplicates": 0}


async def test_an_empty_or_too_large_batch(world: World) -> None:
    key, _ = await world.issue()
    for raw in (b"", b"\n\n \r\n"):
        assert "" in await refused(world, await report(world, raw))
    assert "" in await refused(world, await report(world, b"\n" * MOST_LINES))
    large = outcome(key["id"], id="x" * (MOST_BYTES + 1))
    assert (await report(world, large)).status_code == 413
    many = [outcome(key["id"], id=f"many-{number}") for number in range(MOST_LINES)]
    raw = b"\r\n".join(json.dumps(one).encode() for one in many)
    assert (await report(world, raw)).json() == {"accepted": MOST_LINES, "duplicates": 0}
    faults = await refused(world, await report(world, *(b"{" for _ in range(5_000))))
    assert len(faults) == 100
    answer = await report(world, outcome(key["id"]), media_type="application/json")
    assert answer.status_code == 415
    assert "application/x-ndjson" in answer.json()["detail"]


async def test_a_foreign_key_is_an_absent_one(world: World) -> None:
    tenant = await world.tenant()
    mine, _ = await world.issue(tenant=tenant)
    foreign, _ = await world.issue()
    _, secret = await world.issue(tenant=tenant, scopes=["Hub"])
    faults = [await refused(world, await report(world, outcome(one), secret=secret)) for one in (foreign["id"], ABSENT)]
    assert faults[0] == faults[1] == {"lines[1].key_id": "There is no such key."}
    assert await errors(world, foreign["id"]) == [(0, 0, 0)] * 3
    # The home tenant may report for all; the ids of each tenant are its own.
    line = outcome(mine["id"], id="shared")
    for who in (secret, None):
        assert (await report(world, line, secret=who)).json()["accepted"] == 1
    _, plain = await world.issue(tenant=tenant)
    assert (await report(world, line, secret=plain)).status_code == 403
    assert (await report(world, line, secret="tos_nonsense")).status_code == 401
