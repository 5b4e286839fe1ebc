"""What counting must survive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from random import Random

from tests.faults.machine import Machine, until
from tests.faults.world import World


async def cut_commits(world: World, times: int) -> None:
    """The connection is cut between a COMMIT and its reply, again and again."""
    (machine,) = world.machines
    machine.proxy.cut.commits(times)
    await until(lambda: machine.proxy.cut.done >= times, f"{times} commits are cut")


async def outage(world: World, lasting_s: float) -> None:
    """The database is away for a while, and the gates go on."""
    faults = [world.history.fault("outage", machine.number) for machine in world.machines]
    for machine in world.machines:
        await machine.proxy.refuse()
        machine.proxy.reset()
    await asyncio.sleep(lasting_s)
    for machine, fault in zip(world.machines, faults, strict=True):
        await machine.proxy.accept()
        fault.ended()
    number = (await world.issue())[0]
    await world.asked("ok", number)


async def kills(world: World, random: Random, times: int) -> dict[str, int]:
    """kill -9 of random processes under load, each started again; how many of which kind.

    The first machine runs two agents, of which one waits, and workers; the second a Hub that is asked over HTTP.
    """
    agents, hub = world.machines
    done = {"worker": 0, "agent": 0, "Hub worker": 0, "Hub": 0}
    for _ in range(times):
        await asyncio.sleep(random.uniform(0, 0.04))
        kind = random.choices(list(done), weights=(70, 20, 8, 2))[0]
        if kind == "worker":
            await agents.kill(random.choice(agents.workers))
            await agents.start_worker(world.logs, world.secrets)
        elif kind == "agent":
            await agents.kill(random.choice(agents.agents))
            await agents.start_agent()
        elif kind == "Hub worker":
            await _kill_hub_worker(hub, random)
        else:
            await _replace_hub(world, hub)
        done[kind] += 1
    await agents.start_agent()
    for machine in world.machines:
        await until(lambda machine=machine: machine.fresh, "an agent has taken over")
    return done


async def _kill_hub_worker(hub: Machine, random: Random) -> None:
    await until(hub.hub_workers, "the Hub has a worker")
    with contextlib.suppress(ProcessLookupError):
        os.kill(random.choice(hub.hub_workers()), signal.SIGKILL)


async def _replace_hub(world: World, hub: Machine) -> None:
    """The whole Hub, and its callers: another one has another address."""
    await hub.stop_workers()
    await hub.kill(hub.agents[0])
    await start_hub(world, hub)


async def start_hub(world: World, hub: Machine) -> None:
    """A Hub and those who ask it."""
    await hub.start_hub()
    for _ in range(2):
        await hub.start_worker(world.logs, world.secrets, url=hub.url)
