"""Receipts: who is registered, who has applied what, and who is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from keystile import Gate
from keystile._core import boottime
from keystile.agent.roster import Roster
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings, segment_path
from keystile.store import feed, keys, receipts
from keystile.store.pool import Connection, connect
from keystile.store.receipts import GateReceipt, Position, Registration, Report
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]
SILENT = bytes(range(16))


def silent(**fields: object) -> Registration:
    """A gate that registers and then is never heard of again."""
    known: dict[str, object] = {"machine": "silent", "version": "0", "stale_after_ms": 300, "stale_policy": "deny"}
    return Registration(id=SILENT, **{**known, **fields})  # type: ignore[arg-type]


async def of(conn: Connection, gate_id: bytes) -> GateReceipt | None:
    return next((row for row in await receipts.every(conn) if row.gate_id == gate_id), None)


async def test_a_gate_is_registered_before_it_decides_and_reports_what_it_has(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    async with running(settings):
        (row,) = await receipts.every(conn)
        assert (row.stale_after_ms, row.stale_policy, row.lapsed) == (1_000, "deny", False)
        await issue(conn, settings)
        async with conn.transaction():
            key_id, _ = await issue(conn, settings)
            revision = await feed.settle(conn)

        async def reported() -> bool:
            return all(gate.applied for gate in (await receipts.standings(conn, revision)).gates)

        await eventually(reported)
        assert not any(gate.applied for gate in (await receipts.standings(conn, revision + 1)).gates)
        assert key_id
    # A stopped agent leaves the gate's lease running, so the gate is still reckoned with.
    assert len((await receipts.standings(conn, revision + 1)).gates) == 1


async def test_a_gate_that_was_deleted_registers_again(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    async with running(settings):
        await conn.execute("DELETE FROM receipts")

        async def back() -> bool:
            return bool(await receipts.every(conn))

        await eventually(back)
        await eventually(lambda: Gate.attach(segment_path(settings)).fresh)


async def test_without_being_registered_it_holds_no_lease(
    settings: Settings, conn: Connection, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test: with registering taken out, the gate refuses."""

    async def refused(*_: object) -> None:
        """Nothing is registered."""

    async with running(settings):
        monkeypatch.setattr(receipts, "register", refused)
        await conn.execute("DELETE FROM receipts")
        gate = Gate.attach(segment_path(settings))
        await eventually(lambda: not gate.fresh)


async def test_a_gate_that_is_gone_is_noticed_by_the_others_and_must_register_again(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    await receipts.register(conn, silent())
    registered_ns = boottime()
    async with running(settings):

        async def lapsed() -> bool:
            row = await of(conn, SILENT)
            return row is not None and row.lapsed

        await eventually(lapsed)
        assert boottime() - registered_ns >= receipts.surely_over_ns(300)
    assert not (await receipts.report(conn, SILENT, Position(), 300)).registered
    await receipts.register(conn, silent())
    assert (await receipts.report(conn, SILENT, Position(), 300)).registered


async def test_a_gate_that_reports_is_never_taken_for_gone(settings: Settings, conn: Connection) -> None:
    await receipts.register(conn, silent())
    async with running(settings):
        for _ in range(40):
            assert (await receipts.report(conn, SILENT, Position(), 300)).registered
            await asyncio.sleep(0.05)


async def test_only_gates_without_a_lease_are_forgotten(conn: Connection) -> None:
    await receipts.register(conn, silent())
    await receipts.forget(conn, -1)
    row = await of(conn, SILENT)
    assert row is not None
    await receipts.lapse(conn, SILENT, row.reports - 1)
    assert not (await of(conn, SILENT)).lapsed  # type: ignore[union-attr]
    await receipts.lapse(conn, SILENT, row.reports)
    await receipts.forget(conn, 60)
    assert (await of(conn, SILENT)).lapsed  # type: ignore[union-attr]
    await receipts.forget(conn, -1)
    assert await of(conn, SILENT) is None


async def test_a_shorter_lease_counts_only_once_it_is_given(conn: Connection) -> None:
    await receipts.register(conn, silent(stale_after_ms=60_000))
    await receipts.register(conn, silent(stale_after_ms=300))
    assert (await of(conn, SILENT)).stale_after_ms == 60_000  # type: ignore[union-attr]
    await receipts.report(conn, SILENT, Position(), None)
    assert (await of(conn, SILENT)).stale_after_ms == 60_000  # type: ignore[union-attr]
    await receipts.report(conn, SILENT, Position(), 300)
    assert (await of(conn, SILENT)).stale_after_ms == 300  # type: ignore[union-attr]
    assert (await receipts.standings(conn, 0)).longest_lease_ms == 60_000


async def test_another_history_of_the_same_number_is_no_receipt(settings: Settings, conn: Connection) -> None:
    await receipts.register(conn, silent())
    await issue(conn, settings)
    poll = await feed.poll(conn, 0)

    async def applied(position: Position) -> bool:
        await receipts.report(conn, SILENT, position, 300)
        (gate,) = (await receipts.standings(conn, poll.rev)).gates
        return gate.applied

    assert await applied(Position(poll.epoch, poll.timeline, poll.rev, poll.stamp))
    assert not await applied(Position(uuid4(), poll.timeline, poll.rev, poll.stamp))
    assert not await applied(Position(poll.epoch, poll.timeline + 1, poll.rev, poll.stamp))
    assert not await applied(Position(poll.epoch, poll.timeline, poll.rev, datetime(2020, 1, 1, tzinfo=UTC)))
    assert not await applied(Position(poll.epoch, poll.timeline, poll.rev + 1, poll.stamp))
    await conn.execute("TRUNCATE scopes")
    assert not await applied(Position(poll.epoch, poll.timeline, poll.rev, poll.stamp))


async def test_pruning_keeps_whole_revisions_and_the_newest(settings: Settings, conn: Connection) -> None:
    for _ in range(3):
        await issue(conn, settings)
    head = (await feed.poll(conn, 0)).head
    async with conn.transaction():
        await issue(conn, settings)
        await issue(conn, settings)
    await conn.execute("UPDATE changes SET at = at - interval '2 days' WHERE rev <= $1", head)
    await conn.execute(
        "UPDATE changes SET at = at - interval '2 days' WHERE ref = (SELECT max(ref) FROM changes WHERE rev = $1)",
        head + 1,
    )
    await feed.prune(conn, 86_400)
    assert [row["rev"] for row in await conn.fetch("SELECT rev FROM changes")] == [head + 1] * 2
    await feed.prune(conn, -86_400)
    assert await conn.fetchval("SELECT count(*) FROM changes") == 2


async def test_a_database_that_was_set_back_is_told_from_one_that_went_on() -> None:
    epoch, then, other = uuid4(), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    at = Position(epoch, 1, 7, then)

    def answer(**fields: object) -> Report:
        known: dict[str, object] = {"epoch": epoch, "timeline": 1, "head": 9, "stamp": then, "absent": 0}
        known |= {"now": then, "registered": True, "settled": True}
        known |= dict.fromkeys(("quarantined_since", "needed_epoch", "needed_rev"))
        return Report(**{**known, **fields})  # type: ignore[arg-type]

    went_on, pruned = answer(), answer(stamp=None)
    behind, replaced = answer(head=6, stamp=None), answer(stamp=other)
    elsewhere, promoted = answer(epoch=uuid4()), answer(timeline=2)
    every = (went_on, pruned, behind, replaced, elsewhere, promoted)
    assert [one.goes_on_from(at) for one in every] == [True, False, False, False, False, False]
    assert [one.was_set_back(at) for one in every] == [False, False, True, True, False, False]


async def test_a_long_flush_does_not_delay_a_report(
    settings: Settings, conn: Connection, database_url: str, eventually: Eventually
) -> None:
    """Somebody holds the gate's row for usage, as an agent does that hangs in the middle of a flush."""
    _, secret = await issue(conn, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(secret)
        await eventually(lambda: conn.fetchval("SELECT EXISTS (SELECT FROM gates)"))
        holding = conn.transaction()
        await holding.start()
        await conn.execute("SELECT * FROM gates FOR UPDATE")
        watching = await connect(database_url)
        try:
            (before,) = await receipts.every(watching)
            await asyncio.sleep(2 * settings.stale_after_ms / 1_000)
            assert gate.fresh
            assert (await receipts.every(watching))[0].reports > before.reports
            with pytest.raises(asyncpg.LockNotAvailableError):
                await watching.execute("SELECT * FROM gates FOR UPDATE NOWAIT")
        finally:
            await watching.close()
            await holding.rollback()


async def test_revoking_by_hand_reaches_the_receipt_too(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(secret)
        await keys.revoke(conn, key_id, None, None)
        revision = (await feed.poll(conn, 0)).head

        async def all_have_it() -> bool:
            return all(one.applied for one in (await receipts.standings(conn, revision)).gates)

        await eventually(all_have_it)
        assert gate.check(secret).code == "revoked_key"


@pytest.mark.parametrize("per_connection", [True, False], ids=["anew", "paired: kept over connections"])
async def test_whoever_lost_the_connection_begins_to_watch_anew(
    settings: Settings,
    conn: Connection,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    per_connection: bool,
) -> None:
    """A server that crashed may have lost the report by which the gate is alive, and a crash ends connections."""
    if not per_connection:
        kept = Roster()
        monkeypatch.setattr("keystile.agent.follower.Roster", lambda: kept)
    await receipts.register(conn, silent(stale_after_ms=2_000))

    async def lapsed() -> bool:
        row = await of(conn, SILENT)
        return row is not None and row.lapsed

    async with running(settings):
        for _ in range(8 if per_connection else 60):
            if await lapsed():
                break
            await asyncio.sleep(0.6)
            await conn.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )
        assert await lapsed() == (not per_connection)
        await eventually(lapsed)


@pytest.mark.parametrize("remembering", [True, False], ids=["on disk", "paired: not on disk"])
async def test_a_receipt_for_a_revocation_means_that_it_is_on_the_disk(
    settings: Settings,
    conn: Connection,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    remembering: bool,
) -> None:
    sync = Tombstones.sync

    def slow(self: Tombstones, mark: Position | None) -> None:
        time.sleep(0.02)
        if remembering:
            sync(self, mark)

    monkeypatch.setattr(Tombstones, "sync", slow)
    found = []
    async with running(settings):
        for _ in range(10):
            key_id, _ = await issue(conn, settings)
            async with conn.transaction():
                await keys.revoke(conn, key_id, None, None)
                revision = await feed.settle(conn)

            async def applied(revision: int = revision) -> bool:
                return all(gate.applied for gate in (await receipts.standings(conn, revision)).gates)

            await eventually(applied)
            found.append(Tombstones(tombstones_path(settings)).get(key_id) is not None)
    assert found == [remembering] * 10
