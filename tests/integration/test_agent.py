"""The agent between a real database and a real segment."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.agent.follower import Follower
from keystile.errors import GateError
from keystile.settings import Settings, segment_path
from keystile.store import feed, keys, usage
from keystile.store.pool import Connection
from keystile.store.records import Poll
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]


async def test_every_change_reaches_the_gate(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    before_id, before = await issue(conn, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        psa, crm = gate.scope("PSA"), gate.scope("CRM")
        assert gate.check(before, psa)
        _, after = await issue(conn, settings)
        await eventually(lambda: gate.check(after, psa))
        await conn.execute("UPDATE keys SET scopes = '{CRM}' WHERE id = $1", before_id)
        await eventually(lambda: gate.check(before, crm))
        await conn.execute("UPDATE tiers SET rate = 7 WHERE name = 'Enterprise'")
        await eventually(lambda: gate.check(before, crm).limit == 7)
        await conn.execute("INSERT INTO scopes VALUES ('Extra', 'more', 99)")
        await conn.execute("UPDATE keys SET scopes = '{Extra}' WHERE id = $1", before_id)
        await eventually(lambda: gate.check(before).scopes == ["Extra"])
        await conn.execute("DELETE FROM keys WHERE id = $1", before_id)
        await eventually(lambda: gate.check(before).code == "unknown_key")
        await conn.execute("TRUNCATE keys CASCADE")
        await eventually(lambda: gate.check(after).code == "unknown_key")


@pytest.mark.parametrize("hinted", [True, False], ids=["with the hint", "by polling alone"])
async def test_commit_to_refusal(
    *,
    settings: Settings,
    conn: Connection,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
    hinted: bool,
) -> None:
    """How long a revocation takes from its commit to the first refusal; the note to a release quotes the figure."""
    if not hinted:
        monkeypatch.setattr(Follower, "_on_hint", lambda *_: None)
    issued = [await issue(conn, settings) for _ in range(200 if hinted else 60)]
    took_ms = []
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        for key_id, secret in issued:
            assert gate.check(secret)
            await keys.revoke(conn, key_id, None, None)
            committed = time.perf_counter()
            # Not just refused: who asks this often is soon out of tokens.
            while gate.check(secret).code != "revoked_key":
                assert time.perf_counter() - committed < settings.stale_after_ms / 1_000
                await asyncio.sleep(0)
            took_ms.append((time.perf_counter() - committed) * 1_000)
            # Each at another moment between two polls.
            await asyncio.sleep(0 if hinted else random.random() * settings.poll_interval_ms / 1_000)
    quantiles = statistics.quantiles(took_ms, n=100)
    record_property("commit to refusal, median ms", round(quantiles[49], 3))
    record_property("commit to refusal, p99 ms", round(quantiles[98], 3))
    # The hint makes it much sooner than the next poll; without it the median is half of one.
    assert (quantiles[49] < settings.poll_interval_ms / 4) == hinted


async def test_the_lease_ends_when_the_agent_does(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    _, secret = await issue(conn, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(secret)
        assert gate.fresh
    ended = time.monotonic()
    await eventually(lambda: gate.check(secret).code == "gate_stale")
    assert time.monotonic() - ended <= settings.stale_after_ms / 1_000 + 0.2
    assert not gate.fresh
    assert gate.stale_refusals >= 1
    async with running(settings):
        assert gate.check(secret)


async def test_another_agent_takes_over(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    _, secret = await issue(conn, settings)
    assert settings.database_url is not None
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        second = Agent(settings, settings.database_url)
        waiting = asyncio.create_task(second.run())
        await second.ready.wait()
        revision = gate.applied_revision
    await issue(conn, settings)
    await eventually(lambda: gate.applied_revision > revision)
    assert gate.check(secret)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting


async def test_a_backlog_does_not_extend_the_lease(
    settings: Settings, conn: Connection, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change a poll: the revocation at the end of the backlog must not be outlived by the lease."""
    key_id, secret = await issue(conn, settings)
    poll = feed.poll

    async def slow_poll(connection: Connection, after_rev: int) -> Poll:
        answer = await poll(connection, after_rev, most_changes=1)
        await asyncio.sleep(0.05 if answer.rev < answer.head else 0)
        return answer

    monkeypatch.setattr(feed, "poll", slow_poll)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(secret)
        async with conn.transaction():
            for number in range(60):
                await conn.execute("UPDATE keys SET disabled = $1 WHERE id <> $2", number % 2 == 0, key_id)
                await issue(conn, settings)
                await feed.settle(conn)
                # A revision of its own for each: what a long outage leaves behind.
                await conn.execute("SELECT set_config('keystile.feed', '', true)")
            await keys.revoke(conn, key_id, None, None)
        revoked_at = time.monotonic()
        await eventually(lambda: not gate.check(secret))
        assert time.monotonic() - revoked_at <= settings.stale_after_ms / 1_000 + 0.2
        assert gate.check(secret).code == "gate_stale"


async def test_a_lost_segment_is_made_anew(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    _, secret = await issue(conn, settings)
    path = segment_path(settings)
    async with running(settings):
        old = Gate.attach(path)
        path.unlink()
        path.with_name(path.name + ".lock").unlink()
        await eventually(lambda: old.check(secret).code == "gate_stale")

        def renewed() -> bool:
            with contextlib.suppress(GateError):
                return bool(Gate.attach(path).check(secret))
            return False

        await eventually(renewed)


async def test_counts_arrive_once_whoever_brings_them(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, settings)

    async def total() -> int:
        report = await usage.report(conn, key_id, 30)
        assert report is not None
        return report.total_requests

    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        for _ in range(50):
            gate.finish(gate.check(secret), 503)

        async def all_counted() -> bool:
            return await total() == 50

        await eventually(all_counted)
        gate.check(secret)
    # The last flush of the first agent has brought it; the second adopts the segment and adds nothing.
    assert await total() == 51
    async with running(settings):
        pass
    assert await total() == 51
    report = await usage.report(conn, key_id, 30)
    assert report is not None
    assert (report.daily[-1].server_errors, report.error_rate) == (50, round(100 * 50 / 51, 2))


async def test_the_databases_clock_decides_on_expiry(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    _, short = await issue(conn, settings, expires_at=soon)
    _, endless = await issue(conn, settings, expires_at=datetime(9999, 12, 31, tzinfo=UTC))
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(short)
        await eventually(lambda: gate.check(short).code == "expired_key")
        assert datetime.now(UTC) >= soon
        assert gate.check(endless)
