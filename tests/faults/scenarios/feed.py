"""What the feed must survive, each time with keys that are revoked meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from keystile.store import feed
from tests.faults.machine import until
from tests.faults.proxy import Mode
from tests.faults.world import STALE_AFTER_MS, World

Scenario = Callable[[World], Awaitable[None]]
_STALE_AFTER_S = STALE_AFTER_MS / 1_000


async def cut_off(world: World) -> None:
    """A black hole, a revocation right after it begins, and nothing else for long enough to see what happens."""
    (machine,) = world.machines
    number, _ = await world.issue(keys_=2)
    await world.asked("ok", number)
    fault = world.history.fault("black hole", machine.number)
    machine.proxy.both(Mode.SWALLOW)
    await world.revoke(number)
    await asyncio.sleep(1.6 * _STALE_AFTER_S)
    machine.proxy.pass_all()
    fault.ended()
    refused = asyncio.create_task(world.asked("revoked_key", number))
    # A machine that never recovers is the checker's business.
    await asyncio.wait({refused}, timeout=3.5 * _STALE_AFTER_S)
    refused.cancel()


async def late_answer(world: World) -> None:
    """An answer from before a revocation arrives late, and is the last one for long."""
    (machine,) = world.machines
    number, _ = await world.issue(keys_=2)
    await world.asked("ok", number)
    machine.proxy.to_client.mode = Mode.HOLD
    # Until the poll that is held has been answered.
    await asyncio.sleep(0.2 * _STALE_AFTER_S)
    machine.proxy.to_server.mode = Mode.HOLD
    _, revision = await world.revoke(number)
    await asyncio.sleep(0.6 * _STALE_AFTER_S)
    machine.proxy.to_client.mode = Mode.PASS
    await asyncio.sleep(1.2 * _STALE_AFTER_S)
    machine.proxy.pass_all()
    await world.everywhere(revision)


async def reloads(world: World) -> None:
    """The epoch changes again and again, which makes every gate load everything anew while it is asked."""
    good, gone = await world.issue(keys_=2)
    _, revision = await world.revoke(gone)
    await world.everywhere(revision)
    world.history.endings[-1].confirmed()
    for _ in range(8):
        async with world.connection() as conn:
            await conn.execute("UPDATE feed_clock SET epoch = gen_random_uuid()")
        await world.everywhere(await _silently(world))
    number = (await world.issue())[0]
    await world.asked("ok", number)
    await world.asked("ok", good)


async def forgotten_changes(world: World) -> None:
    """While a machine is cut off a key is revoked, and the change is no longer kept when it returns."""
    (machine,) = world.machines
    number, _ = await world.issue(keys_=2)
    await world.asked("ok", number)
    await machine.proxy.refuse()
    machine.proxy.reset()
    ending, _ = await world.revoke(number)
    async with world.connection() as conn:
        await conn.execute("DELETE FROM changes")
    last = await _silently(world)
    await machine.proxy.accept()
    await until(lambda: machine.applied(last), "the machine follows again")
    ending.confirmed()
    await asyncio.sleep(0.1 * _STALE_AFTER_S)


async def _silently(world: World) -> int:
    """One change more, of nothing that is asked for, so that there is something to follow up to; its revision."""
    async with world.connection() as conn, conn.transaction():
        await conn.execute("UPDATE scopes SET position = position + 1 WHERE name = 'Voice'")
        return await feed.settle(conn)


async def burst(world: World, random: Random) -> None:
    """Workers, and another machine with its first snapshot, start while keys are revoked one after another."""
    good, *doomed = await world.issue(keys_=40)
    newcomer = await world.add_machine()
    revoking = asyncio.create_task(_one_by_one(world, doomed, random))
    await newcomer.start_agent()
    for machine in world.machines[:-1]:
        await machine.start_worker(world.logs, world.secrets)
    await until(lambda: newcomer.fresh, "the newcomer is ready")
    await newcomer.start_worker(world.logs, world.secrets)
    await world.everywhere(await revoking)
    for ending in world.history.endings:
        ending.confirmed()
    for number in (good, doomed[0], doomed[-1]):
        await world.asked("ok" if number == good else "revoked_key", number)


async def _one_by_one(world: World, numbers: list[int], random: Random) -> int:
    """Revoke until the newcomer is ready, at least; the last revision."""
    revision = 0
    for place, number in enumerate(numbers):
        if place == len(numbers) // 2:
            await until(lambda: world.machines[-1].fresh, "the newcomer is ready")
        _, revision = await world.revoke(number)
        await asyncio.sleep(random.uniform(0, 0.05))
    return revision


async def rotated_then_revoked(world: World) -> None:
    """A key has two secrets for a while, and is revoked meanwhile: both end."""
    (old,) = await world.issue()
    new = await world.rotate(old, overlap_s=600)
    await world.asked("ok", old)
    await world.asked("ok", new)
    _, revision = await world.revoke(new)
    await world.everywhere(revision)
    world.history.endings[-1].confirmed()
    await world.asked("revoked_key", old)
    await world.asked("revoked_key", new)


async def repeated_pages(world: World) -> None:
    """Changes are delivered again, in another order, long after they were applied."""
    numbers = await world.issue(keys_=4)
    for number in numbers[:2]:
        _, revision = await world.revoke(number)
    await world.everywhere(revision)
    for ending in world.history.endings:
        ending.confirmed()
    for _ in range(5):
        await world.everywhere(await _silently(world))
    for number in numbers:
        await world.asked("revoked_key" if number in numbers[:2] else "ok", number)
