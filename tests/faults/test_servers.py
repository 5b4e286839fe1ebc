"""A database that is killed, fails over or is put back: revoked keys stay revoked, and gates recover by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.scenarios import servers
from tests.faults.server import Server, serving
from tests.faults.world import World, world_on


async def test_a_killed_server(world: World, server: Server, random: Random) -> None:
    await servers.killed(world, server, random)
    world.judge()


@pytest.fixture
async def own() -> AsyncIterator[Server]:
    """A server that no other test needs any more."""
    async with serving() as server:
        yield server


async def test_a_replica_that_lost_the_last_revocations_is_promoted(own: Server, tmp_path: Path) -> None:
    async with world_on(await own.database(), machines=2) as world:
        await world.start()
        replica = await servers.failover(world, own.postgres, tmp_path / "replica")
        try:
            world.judge()
            await world.finish()
        finally:
            await replica.stop()


async def test_an_old_backup_is_put_back(own: Server) -> None:
    async with world_on(await own.database(), machines=2) as world:
        await world.start()
        await servers.restored(world, own.postgres)
        world.judge()
        await world.finish()
