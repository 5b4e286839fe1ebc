"""Faults of the database itself: killed, failed over to a replica that lags, put back from a backup."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

from keystile.store.binaries import find_binaries
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect
from tests.faults.machine import until
from tests.faults.server import Server
from tests.faults.world import STALE_AFTER_MS, World

_STALE_AFTER_S = STALE_AFTER_MS / 1_000


async def killed(world: World, server: Server, random: Random) -> None:
    """The server is killed, outright or as by an immediate shutdown, while keys are revoked."""
    good, *doomed = await world.issue(keys_=6)
    await world.asked("ok", doomed[-1])
    faults = [world.history.fault("kill", machine.number) for machine in world.machines]
    revoking = asyncio.gather(*(_revoke_after(world, number, random.uniform(0, 0.1)) for number in doomed))
    await asyncio.sleep(random.uniform(0, 0.1))
    await server.kill(random.choice([signal.SIGKILL, signal.SIGQUIT]))
    for fault in faults:
        fault.ended()
    await world.everywhere(max(await revoking))
    for ending in world.history.endings[-len(doomed) :]:
        ending.confirmed()
    for number in doomed:
        await world.asked("revoked_key", number)
    await world.asked("ok", good)
    world.forget([good, *doomed])


async def _revoke_after(world: World, number: int, pause_s: float) -> int:
    await asyncio.sleep(pause_s)
    _, revision = await world.revoke(number)
    return revision


async def failover(world: World, primary: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    """The primary is lost, and the replica that is promoted has not heard of the last revocation; that replica.

    Before it is promoted the agents are pointed at it already, and must not take it for a primary. Afterwards a
    machine joins that has never heard of any revocation.
    """
    good, early, late = await world.issue(keys_=3)
    _, revision = await world.revoke(early)
    await world.everywhere(revision)
    world.history.endings[-1].confirmed()
    replica = await replica_of(primary, folder)
    _, revision = await world.revoke(late)
    await world.everywhere(revision)
    world.history.endings[-1].confirmed()
    await world.asked("revoked_key", late)
    faults = [world.history.fault("failover", machine.number) for machine in world.machines]
    await primary.stop()
    point(world, replica)
    await asyncio.sleep(1.5 * _STALE_AFTER_S)
    assert not any(machine.fresh for machine in world.machines), "a replica was taken for a primary"
    admin = await connect(replica.admin_url)
    assert await admin.fetchval("SELECT pg_promote()")
    await admin.close()
    for fault in faults:
        fault.ended()
    await world.asked("ok", good)
    await _newcomer(world, good)
    return replica


async def restored(world: World, server: EmbeddedPostgres) -> None:
    """The database is put back to an old state, from a copy of its files."""
    good, early, late = await world.issue(keys_=3)
    await world.revoke(early)
    await server.stop()
    copy = cluster_of(server).with_name("copy")
    await asyncio.to_thread(shutil.copytree, cluster_of(server), copy)
    await asyncio.to_thread(_same_owner, cluster_of(server), copy)
    await server.start()
    _, revision = await world.revoke(late)
    await world.everywhere(revision)
    world.history.endings[-1].confirmed()
    # What is issued after the backup is gone with it.
    (lost,) = await world.issue()
    world.history.expected[lost] = {"unknown_key"}
    await world.asked("ok", lost)
    faults = [world.history.fault("restored backup", machine.number) for machine in world.machines]
    await server.stop()
    await asyncio.to_thread(shutil.rmtree, cluster_of(server))
    copy.rename(cluster_of(server))
    await server.start()
    for fault in faults:
        fault.ended()
    await world.asked("unknown_key", lost)
    await world.asked("ok", good)
    world.forget([lost])
    await _newcomer(world, good)


async def _newcomer(world: World, good: int) -> None:
    """A machine more, which must know of what others remember as soon as it decides."""
    newcomer = await world.add_machine()
    await newcomer.start_agent()
    await until(lambda: newcomer.fresh, "the newcomer is ready")
    await newcomer.start_worker(world.logs, world.secrets)
    await world.asked("ok", good, newcomer.number)


def point(world: World, server: EmbeddedPostgres) -> None:
    """Lead every machine, and the test itself, to another server."""
    world.url = server.url.replace("@/keystile?", f"@/{world.database}?")
    for machine in world.machines:
        machine.proxy.target = world.url
        machine.proxy.reset()


def cluster_of(server: EmbeddedPostgres) -> Path:
    """Its data folder."""
    folder = Path(parse_qs(urlsplit(server.url).query)["host"][0])
    return folder.resolve()


async def replica_of(primary: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    """A hot standby with everything that is committed by now, and nothing later: it lags from here on."""
    access = cluster_of(primary) / "pg_hba.conf"
    access.write_text(access.read_text() + "local replication all peer map=keystile\n")
    folder.mkdir(mode=0o700)  # noqa: ASYNC240  as quick as the test's own files
    admin = await connect(primary.admin_url)
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
    copy = folder / "postgres"
    program = find_binaries(None, None).folder / "pg_basebackup"
    arguments = ["-D", str(copy), "-d", primary.admin_url, "-X", "fetch", "-c", "fast", "--no-sync"]
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=DEVNULL)
    assert await process.wait() == 0
    (copy / "standby.signal").touch()
    await asyncio.to_thread(_same_owner, cluster_of(primary), copy)
    replica = EmbeddedPostgres(folder)
    await replica.start()
    return replica


def _same_owner(model: Path, folder: Path) -> None:
    state = model.stat()
    folder.chmod(0o700)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, state.st_uid, state.st_gid)
