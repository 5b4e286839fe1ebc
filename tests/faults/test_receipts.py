"""What the Hub has confirmed, no gate anywhere accepts: also not one whose machine fails meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.faults.scenarios.machines import FAULTS
from tests.faults.scenarios.receipts import confirmed_around, without_a_database
from tests.faults.scenarios.usage import start_hub
from tests.faults.server import Server
from tests.faults.world import World, world_on


@pytest.fixture(scope="module")
async def hub_world(server: Server) -> AsyncIterator[World]:
    """A Hub that is asked over HTTP on one machine, and applications on another."""
    async with world_on(await server.database(), machines=2) as world:
        hub, other = world.machines
        await start_hub(world, hub)
        await other.start_agent()
        await other.start_worker(world.logs, world.secrets)
        yield world


@pytest.mark.parametrize("fault", ["black_hole", "agent_stopped"])
async def test_confirmed_around_a_fault(hub_world: World, fault: str, random: Random) -> None:
    await confirmed_around(hub_world, FAULTS[fault], random)
    hub_world.judge()


async def test_without_waiting_a_revocation_is_not_confirmed(hub_world: World) -> None:
    await confirmed_around(hub_world, FAULTS["black_hole"], Random(1), wait=False)
    with pytest.raises(AssertionError, match=r"(?m)^confirmed: "):
        hub_world.judge()


async def test_ready_only_while_it_can_decide(hub_world: World) -> None:
    (good,) = await hub_world.issue()
    await hub_world.asked("ok", good)
    await without_a_database(hub_world)
    await hub_world.asked("ok", good)
    hub_world.judge()
    hub_world.forget([good])
