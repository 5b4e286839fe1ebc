"""Revocations before, during and after a fault."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from random import Random

from tests.faults.scenarios.machines import MachineFault
from tests.faults.world import STALE_AFTER_MS, World


async def revoked_around(world: World, fault: MachineFault, random: Random, *, longest_s: float | None = None) -> None:
    """Keys are revoked at random moments around a fault on some machines, which must then recover by themselves.

    The fault lasts `longest_s`, or up to 1.6 times the time after which a gate refuses.
    """
    victims = random.sample(world.machines, random.randint(1, len(world.machines)))
    good, *doomed = await world.issue(keys_=4)
    await world.asked("ok", doomed[-1])
    lasting_s = longest_s or random.uniform(0.3, 1.6) * STALE_AFTER_MS / 1_000
    noted = world.history.fault(getattr(fault, "__name__", "fault"), *(machine.number for machine in victims))
    async with AsyncExitStack() as stack:
        before = asyncio.create_task(_revoke_after(world, doomed[0], random.uniform(0, 0.05)))
        await asyncio.sleep(random.uniform(0, 0.05))
        for machine in victims:
            await stack.enter_async_context(fault(machine, random))
        during = asyncio.create_task(_revoke_after(world, doomed[1], random.uniform(0, lasting_s)))
        await asyncio.sleep(lasting_s)
    noted.ended()
    await asyncio.gather(before, during)
    revision = await _revoke_after(world, doomed[2], random.uniform(0, 0.05))
    await world.everywhere(revision)
    for ending in world.history.endings[-3:]:
        ending.confirmed()
    for number in (good, *doomed):
        await world.asked("ok" if number == good else "revoked_key", number)
    world.forget([good, *doomed])


async def _revoke_after(world: World, number: int, pause_s: float) -> int:
    await asyncio.sleep(pause_s)
    _, revision = await world.revoke(number)
    return revision
