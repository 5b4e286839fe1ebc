"""A copy of a test's database, the way back to it, and a key that it has forgotten to be revoked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings
from keystile.store import keys
from keystile.store.pool import Connection, connect
from tests.integration.following import issue

Eventually = Callable[..., Awaitable[None]]
KICK = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"


class Backup:
    """A copy of the test's database, and the way back to it while agents go on."""

    def __init__(self, admin: Connection, name: str) -> None:
        self._admin = admin
        self._name = name

    async def take(self) -> None:
        await self._admin.execute(f"DROP DATABASE IF EXISTS {self._name}_backup WITH (FORCE)")
        # A template must be in use by nobody; agents come again and again.
        await self._admin.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        await self._admin.execute(KICK, self._name)
        await self._admin.execute(f"CREATE DATABASE {self._name}_backup TEMPLATE {self._name} OWNER keystile")
        for name in (self._name, f"{self._name}_backup"):
            await self._admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def restore(self) -> None:
        await self._admin.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
        await self._admin.execute(f"ALTER DATABASE {self._name}_backup RENAME TO {self._name}")


@contextlib.contextmanager
def watched(gate: Gate, secret: str) -> Iterator[set[str]]:
    """What the gate answers to one secret, asked again and again as long as the block lasts."""
    codes: set[str] = set()

    async def ask() -> None:
        while True:
            codes.add(gate.check(secret).code)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(ask())
    try:
        yield codes
    finally:
        task.cancel()


async def is_revoked(url: str, key_id: str) -> bool:
    """Whether the database says so; False while there is none."""
    with contextlib.suppress(Exception):
        conn = await connect(url, timeout_s=2)
        try:
            return bool(await conn.fetchval("SELECT revoked_at IS NOT NULL FROM keys WHERE id = $1", key_id))
        finally:
            conn.terminate()
    return False


async def revoked_and_forgotten(
    settings: Settings, conn: Connection, backup: Backup, eventually: Eventually, gate: Gate
) -> tuple[str, str]:
    """A key that was revoked, and of which the database, restored from a backup, says that it was not."""
    key_id, secret = await issue(conn, settings)
    await eventually(lambda: gate.check(secret))
    await conn.close()
    await backup.take()
    assert settings.database_url is not None
    again = await connect(settings.database_url)
    await keys.revoke(again, key_id, None, "leaked")
    await again.close()
    await eventually(lambda: gate.check(secret).code == "revoked_key")
    stones = tombstones_path(settings)
    await eventually(lambda: Tombstones(stones).get(key_id) is not None)
    return key_id, secret


@contextlib.asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[None]:
    """An agent that may not be ready yet."""
    task = asyncio.create_task(Agent(settings, str(settings.database_url)).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
