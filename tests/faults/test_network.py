"""A network that fails: no accept outlives its bound, every gate recovers without a hand, everything is counted."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.scenarios.network import FAULTS
from tests.faults.scenarios.revocations import revoked_around
from tests.faults.world import World


@pytest.mark.parametrize("fault", FAULTS)
async def test_revocations_around_a_fault(world: World, fault: str, random: Random) -> None:
    await revoked_around(world, FAULTS[fault], random)
    world.judge()
