"""Agents in this process, between a real database and real segments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from keystile import digest, mint, new_key_id
from keystile.agent.agent import Agent
from keystile.pepper import pepper_bytes
from keystile.settings import Settings
from keystile.store import keys
from keystile.store.pool import Connection
from keystile.store.records import NewKey


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Agent]:
    """An agent that has loaded everything."""
    assert settings.database_url is not None
    agent = Agent(settings, settings.database_url)
    task = asyncio.create_task(agent.run())
    ready = asyncio.create_task(agent.ready.wait())
    await asyncio.wait({task, ready}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert agent.ready.is_set()
        yield agent
    finally:
        ready.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def issue(conn: Connection, settings: Settings, *, expires_at: datetime | None = None) -> tuple[str, str]:
    """A new key straight into the database; its id and its secret."""
    secret, key_id = mint(), new_key_id()
    new = NewKey(
        id=key_id,
        tenant="home",
        name="A key",
        start=secret[:8],
        last4=secret[-4:],
        digest=digest(secret, pepper_bytes(settings)[0]),
        scopes=["PSA"],
        tier="Enterprise",
        created_by="test",
        expires_at=expires_at,
    )
    await keys.insert(conn, new)
    return key_id, secret
