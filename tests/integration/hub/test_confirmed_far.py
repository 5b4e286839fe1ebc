"""`wait=confirmed` with a second machine that really follows, or really hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import World

from keystile import Gate
from keystile._core import boottime
from keystile.errors import GateError
from keystile.hub import waits

Eventually = Callable[..., Awaitable[None]]
STALE_AFTER_MS = 1_500


async def revoke(world: World, key_id: str, client: httpx.AsyncClient | None = None) -> dict[str, Any]:
    answer = await (client or world.client).post(f"/v1/keys/{key_id}/revoke?wait=confirmed", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "revoked"
    return answer.json()["confirmation"]  # type: ignore[no-any-return]


@pytest.fixture
def far_segment(tmp_path: Path) -> Path:
    return tmp_path / "far"


@contextlib.asynccontextmanager
async def far_agent(world: World, segment: Path, eventually: Eventually) -> AsyncIterator[asyncio.subprocess.Process]:
    """A real agent for a second segment: another machine, as far as anybody can tell."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from keystile.cli.main import main; main()",
        "agent",
        env={
            **os.environ,
            "KEYSTILE_DATA": str(world.settings.data),
            "KEYSTILE_DATABASE_URL": str(world.settings.database_url),
            "KEYSTILE_SEGMENT": str(segment),
            "KEYSTILE_STALE_AFTER_MS": str(STALE_AFTER_MS),
            "KEYSTILE_CAPACITY": "1000",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )

    def fresh() -> bool:
        with contextlib.suppress(GateError):
            return Gate.attach(segment).fresh
        return False

    try:
        await eventually(fresh)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
        own = (await world.connection.fetch("SELECT gate_id FROM receipts ORDER BY registered_at"))[0]["gate_id"]
        await world.connection.execute("DELETE FROM receipts WHERE gate_id <> $1", own)


async def test_once_confirmed_a_machine_that_is_cut_off_accepts_the_key_no_more(
    world: World, far_segment: Path, eventually: Eventually
) -> None:
    key, secret = await world.issue()
    async with far_agent(world, far_segment, eventually) as process:
        far = Gate.attach(far_segment)
        await eventually(lambda: far.check(secret))
        process.send_signal(signal.SIGSTOP)
        found = await revoke(world, key["id"])
        assert far.check(secret).code == "gate_stale"
        assert [gate["gate"] for gate in found["waited_out"]] != []
        # It comes back, and has the change before it decides again.
        process.send_signal(signal.SIGCONT)
        await eventually(lambda: far.check(secret).code == "revoked_key")


async def test_without_waiting_for_leases_that_machine_still_accepts_it(
    world: World, far_segment: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test: the same with the mechanism taken out."""
    monkeypatch.setattr(waits, "_waiting", lambda *_: False)
    key, secret = await world.issue()
    async with far_agent(world, far_segment, eventually) as process:
        far = Gate.attach(far_segment)
        await eventually(lambda: far.check(secret))
        process.send_signal(signal.SIGSTOP)
        await revoke(world, key["id"])
        assert far.check(secret)


async def test_a_machine_that_follows_is_confirmed_soon_and_has_it_by_then(
    world: World, far_segment: Path, eventually: Eventually, record_property: Callable[[str, object], None]
) -> None:
    async with far_agent(world, far_segment, eventually):
        far = Gate.attach(far_segment)
        took_ms = []
        for _ in range(20):
            key, secret = await world.issue()
            await eventually(lambda secret=secret: far.check(secret))
            asked_ns = boottime()
            found = await revoke(world, key["id"])
            took_ms.append((boottime() - asked_ns) / 1e6)
            assert far.check(secret).code == "revoked_key"
            assert (found["gates"], found["waited_out"]) == (2, [])
        record_property("revoke and confirm on two machines, median ms", round(sorted(took_ms)[10], 1))
