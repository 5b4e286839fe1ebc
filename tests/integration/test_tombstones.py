"""A revoked key stays revoked when the database forgets it: after a restored backup, and after a lost tail."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.agent.muster import Muster
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.errors import GateError
from keystile.pepper import pepper_bytes
from keystile.settings import DEFAULT_SCOPES, DEFAULT_TIERS, Settings, segment_path
from keystile.store import audit, catalogue, feed, keys, quarantine, receipts, tenants
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import Connection, connect
from keystile.store.receipts import Position, Report
from tests.databases.standby import Pair, streaming_pair
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]
KICK = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"


class Backup:
    """A copy of the test's database, and the way back to it while agents go on."""

    def __init__(self, admin: Connection, name: str) -> None:
        self._admin = admin
        self._name = name

    async def take(self) -> None:
        await self._admin.execute(f"DROP DATABASE IF EXISTS {self._name}_backup WITH (FORCE)")
        # A template must be in use by nobody; agents come again and again.
        await self._admin.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        await self._admin.execute(KICK, self._name)
        await self._admin.execute(f"CREATE DATABASE {self._name}_backup TEMPLATE {self._name} OWNER keystile")
        for name in (self._name, f"{self._name}_backup"):
            await self._admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def restore(self) -> None:
        await self._admin.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
        await self._admin.execute(f"ALTER DATABASE {self._name}_backup RENAME TO {self._name}")


@pytest.fixture
async def backup(postgres: EmbeddedPostgres, database_url: str) -> AsyncIterator[Backup]:
    admin = await connect(postgres.admin_url)
    yield Backup(admin, database_url.partition("@/")[2].partition("?")[0])
    await admin.close()


@contextlib.contextmanager
def watched(gate: Gate, secret: str) -> Iterator[set[str]]:
    """What the gate answers to one secret, asked again and again as long as the block lasts."""
    codes: set[str] = set()

    async def ask() -> None:
        while True:
            codes.add(gate.check(secret).code)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(ask())
    try:
        yield codes
    finally:
        task.cancel()


async def is_revoked(url: str, key_id: str) -> bool:
    """Whether the database says so; False while there is none."""
    with contextlib.suppress(Exception):
        conn = await connect(url, timeout_s=2)
        try:
            return bool(await conn.fetchval("SELECT revoked_at IS NOT NULL FROM keys WHERE id = $1", key_id))
        finally:
            conn.terminate()
    return False


async def revoked_and_forgotten(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually, gate: Gate
) -> tuple[str, str]:
    """A key that was revoked, and of which the database, restored from a backup, says that it was not."""
    key_id, secret = await issue(conn, settings)
    await eventually(lambda: gate.check(secret))
    await conn.close()
    await backup.take()
    assert settings.database_url is not None
    again = await connect(settings.database_url)
    await keys.revoke(again, key_id, None, "leaked")
    await again.close()
    await eventually(lambda: gate.check(secret).code == "revoked_key")
    stones = tombstones_path(settings)
    await eventually(lambda: Tombstones(stones).get(key_id) is not None)
    return key_id, secret


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
    settings = Settings(
        data=folder,
        database_url=pair.line.url,
        segment=folder / "gate",
        capacity=1_000,
        poll_interval_ms=50,
        stale_after_ms=1_500,
    )
    pepper_bytes(settings, create=True)
    async with conn.transaction():
        await catalogue.apply(conn, DEFAULT_SCOPES, DEFAULT_TIERS)
        await tenants.insert(conn, "home", "Home", home=True)
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


@contextlib.asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[None]:
    """An agent that may not be ready yet."""
    task = asyncio.create_task(Agent(settings, str(settings.database_url)).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def is_loaded(settings: Settings) -> bool:
    with contextlib.suppress(GateError):
        return Gate.attach(segment_path(settings)).applied_revision > 0
    return False


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
