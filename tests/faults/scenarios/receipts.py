"""Revocations that are confirmed by the Hub, while a machine fails."""

from __future__ import annotations

import asyncio
from random import Random

import httpx

from tests.faults.machine import PATIENCE_S, Machine
from tests.faults.scenarios.machines import MachineFault
from tests.faults.world import World


async def confirmed_around(world: World, fault: MachineFault, random: Random, *, wait: bool = True) -> None:
    """The Hub on the first machine confirms revocations while a fault hits the second; or does not (`wait`)."""
    hub, other = world.machines
    good, *doomed = await world.issue(keys_=5)
    await world.asked("ok", doomed[-1])
    noted = world.history.fault(getattr(fault, "__name__", "fault"), other.number)
    async with _operator(hub) as operator:
        async with fault(other, random):
            await asyncio.sleep(random.uniform(0, 0.1))
            await asyncio.gather(*(_revoke(world, operator, number, wait=wait) for number in doomed[:2]))
            await _revoke(world, operator, doomed[2], wait=wait)
        noted.ended()
        await _revoke(world, operator, doomed[3], wait=wait)
    for number in (good, *doomed):
        await world.asked("ok" if number == good else "revoked_key", number)
    world.forget([good, *doomed])


def _operator(hub: Machine) -> httpx.AsyncClient:
    key = (hub.folder / "operator.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=hub.url or "", headers=headers, timeout=PATIENCE_S)


async def _revoke(world: World, operator: httpx.AsyncClient, number: int, *, wait: bool) -> None:
    path = f"/v1/keys/{world.history.key_of[number]}/revoke"
    ending = world.history.ending("revocation", number)
    answer = await operator.post(path, params={"wait": "confirmed"} if wait else {}, json={})
    assert answer.status_code == 200, answer.text
    if wait:
        assert answer.json()["confirmation"]["confirmed"]
    ending.committed()
    ending.confirmed()
