"""A revoked key stays revoked when the database forgets it, as after a restored backup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from keystile import Gate
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings, segment_path
from keystile.store import audit, feed, keys, receipts
from keystile.store.pool import Connection, connect
from tests.databases.backup import Backup, is_revoked, revoked_and_forgotten, watched
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]


async def test_a_restored_backup_revives_no_key(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually
) -> None:
    url = str(settings.database_url)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        key_id, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
        with watched(gate, secret) as codes:
            await backup.restore()
            await eventually(lambda: is_revoked(url, key_id))
            await eventually(lambda: gate.fresh)
        assert codes <= {"revoked_key", "gate_stale"}
    again = await connect(url)
    rows, _ = await audit.page(again, None, target=key_id)
    assert [(row.actor, row.action, row.detail["again"]) for row in rows] == [("agent", "key.revoke", True)]
    assert (await keys.get(again, key_id, None)).revoked_reason is not None  # type: ignore[union-attr]
    await again.close()


async def test_without_tombstones_a_restored_backup_revives_it(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test: with the memory taken out the key lives again, on a machine that was started anew."""
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        _, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
    await backup.restore()
    segment_path(settings).unlink()
    monkeypatch.setattr(Tombstones, "get", lambda *_: None)
    async with running(settings):
        assert Gate.attach(segment_path(settings)).check(secret)


async def test_a_restored_backup_and_a_restarted_machine_revive_no_key(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually
) -> None:
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        key_id, secret = await revoked_and_forgotten(settings, conn, backup, eventually, gate)
    await backup.restore()
    segment_path(settings).unlink()
    async with running(settings):
        # From its first decision on: nobody else was there to be waited for.
        assert Gate.attach(segment_path(settings)).check(secret).code == "revoked_key"
        assert await is_revoked(str(settings.database_url), key_id)


async def test_what_cannot_be_remembered_is_no_receipt_and_stops_nothing(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, settings)
    tombstones_path(settings).mkdir()
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        await keys.revoke(conn, key_id, None, None)
        await eventually(lambda: gate.check(secret).code == "revoked_key")
        await asyncio.sleep(0.3)
        assert gate.fresh
        revision = (await feed.poll(conn, 0)).head

        async def applied() -> bool:
            return all(one.applied for one in (await receipts.standings(conn, revision)).gates)

        assert not await applied()
        tombstones_path(settings).rmdir()
        await eventually(applied)
        assert Tombstones(tombstones_path(settings)).get(key_id) is not None
