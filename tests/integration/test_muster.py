"""After a set-back nobody decides before everybody has told what they remember."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from keystile import Gate
from keystile.agent.muster import Muster
from keystile.errors import GateError
from keystile.settings import Settings, segment_path
from keystile.store import feed, receipts
from keystile.store.pool import Connection, connect
from keystile.store.receipts import Position, Report
from tests.databases.backup import Backup, is_revoked, revoked_and_forgotten, started, watched
from tests.integration.following import running

Eventually = Callable[..., Awaitable[None]]


@pytest.mark.parametrize("mustered", [True, False], ids=["mustered", "paired: not mustered"])
async def test_nobody_decides_before_everybody_has_told_what_they_remember(
    *,
    settings: Settings,
    conn: Connection,
    backup: Backup,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mustered: bool,
) -> None:
    """The revocation is known to one machine only, and that one is slow."""
    url = str(settings.database_url)
    settings = msgspec.structs.replace(settings, stale_after_ms=4_000)
    other = msgspec.structs.replace(settings, data=tmp_path / "other", segment=tmp_path / "other-gate")
    other.data.mkdir()
    (other.data / "pepper").write_bytes((settings.data / "pepper").read_bytes())
    if not mustered:
        monkeypatch.setattr(Muster, "complete", lambda *_: True)
    report, slow = receipts.report, asyncio.Event()
    let_go = asyncio.Event()

    async def reporting(conn: Connection, gate_id: bytes, *more: object, **named: object) -> Report:
        if slow.is_set() and gate_id == known_gate:
            await let_go.wait()
        return await report(conn, gate_id, *more, **named)  # type: ignore[arg-type]

    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        key_id, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
        watching = await connect(url)
        known_gate = (await receipts.every(watching))[0].gate_id
        await watching.close()
        monkeypatch.setattr("keystile.store.receipts.report", reporting)
        slow.set()
        await backup.restore()
        # What the first gate would do as soon as it can: it is what makes the history unsettled.
        watching = await connect(url)
        await feed.break_epoch(watching, (await feed.poll(watching, 0)).epoch)
        async with started(other):
            await eventually(lambda: is_loaded(other))
            there = Gate.attach(segment_path(other))
            with watched(there, secret) as codes:
                await asyncio.sleep(1)
                let_go.set()
                await eventually(lambda: is_revoked(url, key_id))
                await eventually(lambda: there.check(secret).code == "revoked_key")
            assert ("ok" in codes) == (not mustered)
        await watching.close()


def is_loaded(settings: Settings) -> bool:
    with contextlib.suppress(GateError):
        return Gate.attach(segment_path(settings)).applied_revision > 0
    return False


async def test_a_muster_ends_when_all_are_there_or_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr("keystile.agent.muster.boottime", lambda: now[0])
    epoch, moment = uuid4(), Position().stamp

    def answer(absent: int, timeline: int = 1) -> Report:
        known = dict.fromkeys(("quarantined_since", "needed_epoch", "needed_rev", "stamp", "now"), moment)
        return Report(
            epoch=epoch,
            timeline=timeline,
            head=1,
            registered=True,
            settled=False,
            absent=absent,
            **known,  # type: ignore[arg-type]
        )

    muster = Muster(1_000)
    assert not muster.complete(answer(1))
    assert muster.complete(answer(0))
    assert muster.complete(answer(1)), "whoever joins later is nobody to wait for"
    assert not muster.complete(answer(2, timeline=2))
    now[0] += 1_000_000_000
    assert not muster.complete(answer(1, timeline=2))
    now[0] += 100_000_000
    assert muster.complete(answer(1, timeline=2))
