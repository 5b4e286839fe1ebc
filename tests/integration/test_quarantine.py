"""A restored database from which no gate decides until nothing is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from keystile import Gate
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings, segment_path
from keystile.store import feed, quarantine
from keystile.store.pool import Connection, connect
from tests.databases.backup import Backup, is_revoked, revoked_and_forgotten, started, watched
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]


async def test_in_quarantine_no_gate_decides(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    allowing = msgspec.structs.replace(settings, stale_policy="allow")
    _, secret = await issue(conn, settings)
    for each in (settings, allowing):
        async with running(each):
            gate = Gate.attach(segment_path(each))
            assert gate.check(secret)
            await quarantine.begin(conn)
            await eventually(lambda gate=gate: gate.check(secret).code == "gate_stale")
            found = await quarantine.state(conn)
            assert found is not None
            assert (found.needed_epoch, found.needed_rev) == (None, None)
            await asyncio.sleep(0.3)
            assert gate.check(secret).code == "gate_stale"
            assert await quarantine.lift(conn)
            assert not await quarantine.lift(conn)
            await eventually(lambda gate=gate: gate.check(secret))


async def test_an_agent_that_remembers_all_ends_the_quarantine(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually
) -> None:
    url = str(settings.database_url)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        key_id, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
        last = await connect(url)
        before = await feed.poll(last, 0)
        await last.close()

        def remembered() -> bool:
            return Tombstones(tombstones_path(settings)).mark.rev == before.head

        await eventually(remembered)
    await backup.restore()
    restored = await connect(url)
    await quarantine.begin(restored, needed_epoch=before.epoch, needed_rev=before.head + 1)
    async with started(settings):
        await asyncio.sleep(1)
        assert await quarantine.state(restored) is not None, "one revision is missing"
        assert not Gate.attach(segment_path(settings)).fresh
        await quarantine.begin(restored, needed_epoch=before.epoch, needed_rev=before.head)
        gate = Gate.attach(segment_path(settings))
        with watched(gate, secret) as codes:
            await eventually(lambda: gate.fresh)
        assert await quarantine.state(restored) is None
        assert codes <= {"gate_stale", "revoked_key"}
        assert await is_revoked(url, key_id)
    await restored.close()
