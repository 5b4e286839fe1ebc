"""Counted once: through cut answers, a database that is away, and one that lost what it was told."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.settings import segment_path
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import CLIENT_FAILURES, Connection, connect
from tests.integration.following import issue
from tests.integration.machine import Machine, furnish, prepared, total
from tests.integration.relay import relayed

CUTS = int(os.environ.get("KEYSTILE_TEST_CUTS", "20"))
Eventually = Callable[..., Awaitable[None]]
_numbers = count(1)


@pytest.fixture
async def machine(tmp_path: Path, database_url: str, conn: Connection) -> Machine:
    await furnish(conn)
    return Machine(tmp_path, database_url)


# An answer that is cut off after the database has committed


async def test_an_answer_cut_after_the_commit_counts_nothing_twice(machine: Machine, conn: Connection) -> None:
    key_id, secret = await machine.key(conn)
    async with relayed(machine.url) as (url, relay):
        flusher = machine.flusher(url)
        for number in range(1, CUTS + 1):
            machine.gate.check(secret)
            relay.cutting = True
            assert not await flusher.try_flush()
            assert relay.cuts == number
            # It is there, though nobody was told.
            assert await total(conn, key_id) == (number, number, number)
            relay.cutting = False
            assert await flusher.try_flush()
            assert await total(conn, key_id) == (number, number, number)
        flusher.close()


async def test_sending_differences_would_count_twice(machine: Machine, conn: Connection) -> None:
    """The paired test: what is added is what was counted since the last flush that was answered."""
    key_id, secret = await machine.key(conn)
    await conn.execute("INSERT INTO usage_totals (key_id) VALUES ($1)", key_id)
    async with relayed(machine.url) as (url, relay):
        pending = 0
        for _ in range(CUTS):
            machine.gate.check(secret)
            pending += 1
            for relay.cutting in (True, False):
                own = await connect(url)
                try:
                    async with own.transaction():
                        await own.execute("UPDATE usage_totals SET requests = requests + $1", pending)
                    pending = 0
                except (OSError, asyncpg.PostgresError, *CLIENT_FAILURES):
                    own.terminate()
                else:
                    await own.close()
    assert relay.cuts == CUTS
    assert await conn.fetchval("SELECT requests FROM usage_totals") == 2 * CUTS


async def test_where_nothing_was_used_nothing_is_written(machine: Machine, conn: Connection) -> None:
    _, secret = await machine.key(conn)
    flusher = machine.flusher()
    assert await flusher.try_flush()
    assert await conn.fetch("SELECT FROM gates") == []
    machine.gate.check(secret)
    assert await flusher.try_flush()
    before = await conn.fetchrow("SELECT xmin, * FROM gates")
    assert await flusher.try_flush()
    assert await conn.fetchrow("SELECT xmin, * FROM gates") == before
    flusher.close()


# A database that goes back in time


@pytest.fixture
async def replaced(
    postgres: EmbeddedPostgres, database_url: str, conn: Connection, eventually: Eventually
) -> AsyncIterator[tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[Connection]]]]:
    """`keep` copies the database as a standby that will be behind; `fail_over` puts the copy in its place."""
    name = f"standby_{next(_numbers)}"
    current = database_url.partition("@/")[2].partition("?")[0]
    admin = await connect(postgres.admin_url)
    opened: list[Connection] = []

    async def end_others() -> None:
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", current)

        async def gone() -> bool:
            return not await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", current)

        await eventually(gone)

    async def keep() -> None:
        await end_others()
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {current} OWNER keystile")

    async def fail_over() -> Connection:
        await end_others()
        await admin.execute(f"ALTER DATABASE {current} RENAME TO {name}_lost")
        await admin.execute(f"ALTER DATABASE {name} RENAME TO {current}")
        opened.append(await connect(database_url))
        return opened[0]

    yield keep, fail_over
    for one in opened:
        await one.close()
    for old in (name, f"{name}_lost"):
        await admin.execute(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize("noticing", [True, False], ids=["noticing", "not noticing: the paired test"])
async def test_what_a_failover_lost_is_sent_again(
    machine: Machine,
    conn: Connection,
    replaced: tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[Connection]]],
    noticing: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep, fail_over = replaced
    quiet_id, quiet = await machine.key(conn)
    busy_id, busy = await machine.key(conn)
    flusher = machine.flusher()
    if not noticing:
        monkeypatch.setattr(flusher, "_is_behind", lambda _: False)

    async def use(secret: str, times: int) -> None:
        for _ in range(times):
            assert machine.gate.check(secret)
        while not await flusher.try_flush():
            pass

    await use(quiet, 3)
    await use(busy, 5)
    await keep()
    await use(quiet, 4)
    await use(busy, 6)
    restored = await fail_over()
    assert await total(restored, quiet_id) == (3, 3, 3)
    # Only one of them is used again.
    await use(busy, 1)
    await flusher.try_flush()
    assert await total(restored, busy_id) == (12, 12, 12)
    assert await total(restored, quiet_id) == ((7, 7, 7) if noticing else (3, 3, 3))
    # Nothing is sent for nothing from here on.
    await flusher.try_flush()
    assert machine.writer.drain() == []
    flusher.close()


async def test_a_loss_is_noticed_while_nothing_is_used(
    machine: Machine,
    conn: Connection,
    replaced: tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[Connection]]],
    eventually: Eventually,
) -> None:
    keep, fail_over = replaced
    key_id, secret = await machine.key(conn)
    flusher = machine.flusher()
    await keep()
    machine.gate.check(secret)
    await eventually(flusher.try_flush)
    restored = await fail_over()
    await eventually(flusher.try_flush)
    assert await total(restored, key_id) == (1, 1, 1)
    flusher.close()


# A database that is away


@pytest.mark.timeout(180)
async def test_all_counts_arrive_once_when_the_database_is_back(tmp_path: Path, eventually: Eventually) -> None:
    away_s = float(os.environ.get("KEYSTILE_TEST_AWAY_S", "5"))
    server = EmbeddedPostgres(tmp_path / "data")
    await server.start()
    conn = await connect(server.url)
    await migrate(conn)
    settings = await prepared(conn, tmp_path / "data", server.url, stale_after_ms=500, stale_policy="allow")
    secrets = dict([await issue(conn, settings) for _ in range(5)])
    agent = asyncio.create_task((keeper := Agent(settings, server.url)).run())
    await asyncio.wait_for(keeper.ready.wait(), 20)
    gate = Gate.attach(segment_path(settings))
    answered = dict.fromkeys(secrets, 0)

    async def load(until: float) -> None:
        while time.monotonic() < until:
            for key_id, secret in secrets.items():
                decision = gate.check(secret)
                assert decision.key_id == key_id, decision.code
                answered[key_id] += 1
            await asyncio.sleep(0.001)

    await load(time.monotonic() + 0.5)
    await conn.close()
    await server.stop()
    before = sum(answered.values())
    await load(time.monotonic() + away_s)
    assert sum(answered.values()) > before, "the gate went on, far past its lease"
    await server.start()
    await load(time.monotonic() + 0.5)
    back = await connect(server.url)

    async def all_there() -> bool:
        return [await total(back, key_id) for key_id in secrets] == [(n, n, n) for n in answered.values()]

    await eventually(all_there)
    agent.cancel()
    await asyncio.wait({agent})
    # The last flush, and a new agent that adopts the segment, add nothing.
    assert await all_there()
    await back.close()
    await server.stop()
