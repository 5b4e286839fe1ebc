"""A database that is not what it was: after a failover that lost its tail, or restored and gone on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keystile import Gate
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings, segment_path
from keystile.store import feed, keys, receipts
from keystile.store.migrate import migrate
from keystile.store.pool import Connection, connect
from keystile.store.receipts import Report
from tests.databases.backup import Backup, is_revoked, revoked_and_forgotten, watched
from tests.databases.standby import Pair, streaming_pair
from tests.integration.following import issue, running
from tests.integration.machine import prepared

Eventually = Callable[..., Awaitable[None]]


async def test_a_database_that_was_set_back_and_went_on_is_noticed(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually
) -> None:
    """It stands at a later revision than the agent knew, but that is another history."""
    url = str(settings.database_url)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        key_id, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
        epoch = None
        reached = gate.applied_revision
    await backup.restore()
    again = await connect(url)
    epoch = (await feed.poll(again, 0)).epoch
    while (await feed.poll(again, 0)).head < reached + 3:
        _, later = await issue(again, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert gate.check(secret).code == "revoked_key"
        assert gate.check(later)
        assert (await feed.poll(again, 0)).epoch != epoch
    await again.close()
    assert await is_revoked(url, key_id)


@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "paired: by number alone"])
async def test_a_set_back_while_nobody_listened_is_noticed_by_the_stamp(
    *,
    settings: Settings,
    conn: Connection,
    backup: Backup,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    stamped: bool,
) -> None:
    """The agent lives on, and the database comes back at a later revision than before: of another history."""
    url, report, away = str(settings.database_url), receipts.report, asyncio.Event()

    async def reporting(*known: object, **more: object) -> Report:
        if away.is_set():
            raise OSError
        return await report(*known, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(receipts, "report", reporting)
    if not stamped:
        monkeypatch.setattr(Report, "goes_on_from", lambda self, known: self.head >= known.rev and known.rev > 0)
        monkeypatch.setattr(Report, "was_set_back", lambda *_: False)
    await backup.take()
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        conn = await connect(url)
        await issue(conn, settings)
        lost_id, lost = await issue(conn, settings)
        await eventually(lambda: gate.check(lost))
        reached = gate.applied_revision
        await conn.close()
        away.set()
        await backup.restore()
        conn = await connect(url)
        _, early = await issue(conn, settings)
        while (await feed.poll(conn, 0)).head <= reached:
            _, late = await issue(conn, settings)
        away.clear()
        await eventually(lambda: gate.check(late))
        assert bool(gate.check(early)) == stamped
        assert (gate.check(lost).code == "unknown_key") == stamped
        assert await keys.get(conn, lost_id, None) is None
        await conn.close()


async def pair_with_a_key(pair: Pair, folder: Path, eventually: Eventually) -> tuple[Settings, str, str]:
    """A primary with a schema and one key, which the standby has too; settings that lead there over the line."""
    conn = await connect(pair.primary.url)
    await migrate(conn)
    settings = await prepared(conn, folder, pair.line.url, stale_after_ms=1_500)
    key_id, secret = await issue(conn, settings)
    await conn.close()
    await pair.in_step(eventually)
    return settings, key_id, secret


@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "paired: not remembered"])
async def test_a_failover_that_lost_the_revocation(
    *,
    tmp_path: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    remembered: bool,
) -> None:
    async with streaming_pair(tmp_path) as pair:
        (tmp_path / "agent").mkdir()
        settings, key_id, secret = await pair_with_a_key(pair, tmp_path / "agent", eventually)
        async with running(settings):
            gate = Gate.attach(segment_path(settings))
            assert gate.check(secret)
            # From here on the standby hears nothing; the agent still does.
            await pair.cut_off_standby()
            conn = await connect(pair.primary.url)
            await keys.revoke(conn, key_id, None, None)
            conn.terminate()
            await eventually(lambda: gate.check(secret).code == "revoked_key")
            stones = tombstones_path(settings)
            await eventually(lambda: Tombstones(stones).get(key_id) is not None)
            if not remembered:
                break_memory(monkeypatch)
            with watched(gate, secret) as codes:
                await pair.line.cut()
                await pair.primary.stop()
                await pair.promote()
                pair.line.lead_to(pair.standby)
                failed_over_s = time.monotonic()
                await pair.line.open()
                if remembered:
                    await eventually(lambda: is_revoked(pair.standby.url, key_id))
                    record_property("revoked again after a failover, s", round(time.monotonic() - failed_over_s, 2))
                    await eventually(lambda: gate.fresh)
                else:
                    await eventually(lambda: is_new_history(pair.standby.url))
            assert codes <= {"revoked_key", "gate_stale"}
            assert await is_revoked(pair.standby.url, key_id) == remembered


def break_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tombstones, "get", lambda *_: None)


async def is_new_history(url: str) -> bool:
    """Whether a gate has reported on the timeline of the promoted server."""
    conn = await connect(url)
    try:
        return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM receipts WHERE timeline = 2 AND applied_rev > 0)"))
    finally:
        conn.terminate()
