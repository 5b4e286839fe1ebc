"""Faults of a machine: no accept outlives its bound, gates recover without a hand, everything is counted."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.scenarios.machines import FAULTS
from tests.faults.scenarios.revocations import revoked_around
from tests.faults.world import World


@pytest.mark.parametrize("fault", FAULTS)
async def test_revocations_around_a_fault(world: World, fault: str, random: Random) -> None:
    await revoked_around(world, FAULTS[fault], random)
    world.judge()
