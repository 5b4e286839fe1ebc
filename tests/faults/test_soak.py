"""Fault after fault, of every kind, on one installation: the long form lasts as long as it is told to."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.faults.scenarios import servers
from tests.faults.scenarios.machines import FAULTS
from tests.faults.scenarios.revocations import revoked_around
from tests.faults.server import Server
from tests.faults.world import world_on

_KINDS = [*FAULTS, "server killed"]


@pytest.mark.heavy
@pytest.mark.timeout(0)
async def test_fault_after_fault(server: Server, random: Random, request: pytest.FixtureRequest) -> None:
    until_s = time.monotonic() + request.config.getoption("--seconds")
    done: list[str] = []
    async with world_on(await server.database(), machines=2) as world:
        await world.start()
        while not done or time.monotonic() < until_s:
            done.append(random.choice(_KINDS))
            try:
                if done[-1] in FAULTS:
                    await revoked_around(world, FAULTS[done[-1]], random)
                else:
                    await servers.killed(world, server, random)
                world.judge()
            except AssertionError as error:
                raise AssertionError(f"after {len(done)} faults, the last of them {done[-1]}: {error}") from error
        await world.finish()
        assert await world.judge_counts() > 0
    print(f"{len(done)} faults")  # noqa: T201 - for whoever watches the long form
