"""How long it takes from a commit to the first refusal: beside the Hub, elsewhere with the hint, and without it."""

from __future__ import annotations

import asyncio
import statistics
from random import Random

from keystile import Gate, digest, mint
from keystile.store import feed, keys
from tests.faults.log import now_ns
from tests.faults.machine import Machine, until
from tests.faults.scenarios.receipts import operator_of
from tests.faults.world import World

POLL_INTERVAL_MS = 200
_AT_ONCE = 4


async def start(world: World) -> None:
    """A Hub, a machine that hears the hint, and one that only polls."""
    for _ in range(3):
        await world.add_machine(poll_interval_ms=POLL_INTERVAL_MS, stale_after_ms=10_000, flush_interval_ms=3_600_000)
    hub, hinted, polling = world.machines
    await hub.start_hub()
    await hinted.start_agent()
    await polling.start_agent("no_hint")
    for machine in world.machines:
        await until(lambda machine=machine: machine.fresh, "it is ready")


async def beside_the_hub(world: World, times: int) -> list[float]:
    """Milliseconds from the commit of a revocation by the Hub until its own machine refuses."""
    hub = world.machines[0]
    took_ms = []
    issued = await _issue(world, times)
    async with operator_of(hub) as operator:
        for key_id, secret in issued:
            sent_ns = now_ns()
            asking = asyncio.create_task(operator.post(f"/v1/keys/{key_id}/revoke", json={}))
            refused_ns = sent_ns + await _until_refused(hub, secret, sent_ns) * 1e6
            assert (await asking).status_code == 200
            # Nothing else commits on this machine: its usage is not flushed meanwhile.
            committed_ns = next(commit_ns for commit_ns in hub.proxy.commits if commit_ns > sent_ns)
            took_ms.append(max(0.0, (refused_ns - committed_ns) / 1e6))
    return took_ms


async def elsewhere(world: World, machine: Machine, times: int, random: Random) -> list[float]:
    """Milliseconds from a commit until another machine refuses; some at once, at random moments between two polls."""
    issued = await _issue(world, times)
    shares = [issued[place::_AT_ONCE] for place in range(_AT_ONCE)]
    parts = await asyncio.gather(*(_one_by_one(world, machine, share, Random(random.random())) for share in shares))
    return [one for part in parts for one in part]


def figures(took_ms: list[float]) -> tuple[float, float]:
    """Median and p99."""
    quantiles = statistics.quantiles(took_ms, n=100)
    return quantiles[49], quantiles[98]


async def _one_by_one(world: World, machine: Machine, share: list[tuple[str, str]], random: Random) -> list[float]:
    took_ms = []
    async with world.connection() as conn:
        for key_id, secret in share:
            await asyncio.sleep(random.random() * POLL_INTERVAL_MS / 1_000)
            await keys.revoke(conn, key_id, None, None)
            took_ms.append(await _until_refused(machine, secret, now_ns()))
    return took_ms


async def _until_refused(machine: Machine, secret: str, since_ns: int) -> float:
    gate = Gate.attach(machine.segment)
    while gate.check(secret).code != "revoked_key":  # noqa: ASYNC110 - the gate tells nobody of a change
        await asyncio.sleep(0.0002)
    return (now_ns() - since_ns) / 1e6


async def _issue(world: World, times: int) -> list[tuple[str, str]]:
    """Keys that every machine knows: their ids and secrets."""
    issued = []
    async with world.connection() as conn, conn.transaction():
        for _ in range(times):
            secret = mint()
            new = world.new_key(secret)
            assert new.digest == digest(secret, world.pepper)
            await keys.insert(conn, new)
            issued.append((new.id, secret))
        revision = await feed.settle(conn)
    await world.everywhere(revision)
    return issued
