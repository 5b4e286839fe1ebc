"""While the database is in quarantine the Hub is not ready, and says why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from world import World

from keystile.store import quarantine

Eventually = Callable[..., Awaitable[None]]


async def test_readyz_says_why(world: World, eventually: Eventually) -> None:
    _, secret = await world.issue()

    async def status() -> tuple[int, str]:
        answer = await world.client.get("/readyz")
        return answer.status_code, answer.json()["status"]

    assert await status() == (200, "ok")
    await quarantine.begin(world.connection)

    async def refused() -> bool:
        return await status() == (503, "quarantined")

    async def ready() -> bool:
        return await status() == (200, "ok")

    await eventually(refused)
    assert "--confirm-loss" in (await world.client.get("/readyz")).json()["detail"]
    assert (await world.client.get("/healthz")).status_code == 200
    assert await world.decide(secret) == (503, "gate_stale")
    await quarantine.lift(world.connection)
    await eventually(ready)
    assert await world.decide(secret) == (200, "ok")
