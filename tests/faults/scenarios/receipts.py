"""Revocations that are confirmed by the Hub, while a machine fails."""

from __future__ import annotations

import asyncio
from random import Random

import httpx

from tests.faults.log import now_ns
from tests.faults.machine import PATIENCE_S, Machine, until
from tests.faults.proxy import Mode
from tests.faults.scenarios.machines import MachineFault
from tests.faults.world import World


async def confirmed_around(world: World, fault: MachineFault, random: Random, *, wait: bool = True) -> None:
    """The Hub on the first machine confirms revocations while a fault hits the second; or does not (`wait`)."""
    hub, other = world.machines
    good, *doomed = await world.issue(keys_=5)
    await world.asked("ok", doomed[-1])
    noted = world.history.fault(getattr(fault, "__name__", "fault"), other.number)
    async with operator_of(hub) as operator:
        async with fault(other, random):
            await asyncio.sleep(random.uniform(0, 0.1))
            await asyncio.gather(*(_revoke(world, operator, number, wait=wait) for number in doomed[:2]))
            await _revoke(world, operator, doomed[2], wait=wait)
        noted.ended()
        await _revoke(world, operator, doomed[3], wait=wait)
    for number in (good, *doomed):
        await world.asked("ok" if number == good else "revoked_key", number)
    world.forget([good, *doomed])


def operator_of(hub: Machine) -> httpx.AsyncClient:
    """A client of a Hub, with its first key."""
    key = (hub.folder / "operator.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=hub.url or "", headers=headers, timeout=PATIENCE_S)


async def _revoke(world: World, operator: httpx.AsyncClient, number: int, *, wait: bool) -> None:
    path = f"/v1/keys/{world.history.key_of[number]}/revoke"
    ending = world.history.ending("revocation", number)
    deadline_ns = now_ns() + int(PATIENCE_S * 1e9)
    while True:
        answer = await operator.post(path, params={"wait": "confirmed"} if wait else {}, json={})
        # A machine that is too busy to poll in time refuses the operator's key too, as it should: then ask again.
        if answer.status_code != 503 or answer.json()["code"] != "gate_stale" or now_ns() > deadline_ns:
            break
    assert answer.status_code == 200, answer.text
    if wait:
        assert answer.json()["confirmation"]["confirmed"]
    ending.committed()
    ending.confirmed()


async def without_a_database(world: World) -> None:
    """The Hub's machine is cut off: it lives, is not ready once it is stale, and is ready again by itself."""
    hub = world.machines[0]
    noted = world.history.fault("black hole", hub.number)
    async with operator_of(hub) as operator:

        async def answers(path: str, status: int) -> bool:
            return (await operator.get(path)).status_code == status

        assert await answers("/readyz", 200)
        hub.proxy.both(Mode.SWALLOW)
        await until(lambda: answers("/readyz", 503), "it is not ready any more")
        assert await answers("/healthz", 200)
        assert await answers("/v1/authz", 503)
        hub.proxy.pass_all()
        noted.ended()
        await until(lambda: answers("/readyz", 200), "it is ready again")
        assert await answers("/healthz", 200)
