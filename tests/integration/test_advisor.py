"""The advisor: it looks by itself, in turns with others, and a failure of it is told and harms nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from keystile.agent.advisor import Advisor
from keystile.agent.agent import Agent
from keystile.settings import Settings
from keystile.store.pool import Connection
from tests.integration.following import issue

Eventually = Callable[..., Awaitable[None]]
LOOKED = "SELECT at > now() - interval '1 minute' FROM watches WHERE name = 'findings'"


async def test_an_agent_looks_when_it_starts(settings: Settings, conn: Connection, eventually: Eventually) -> None:
    await issue(conn, settings)
    await conn.execute("UPDATE keys SET created_at = now() - interval '60 days'")
    running = asyncio.create_task(Agent(settings, str(settings.database_url)).run())
    try:

        async def looked() -> bool:
            return bool(await conn.fetchval(LOOKED))

        await eventually(looked)
        assert await conn.fetchval("SELECT array_agg(kind) FROM findings") == ["unused"]
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_fails_is_told_and_is_no_turn(
    settings: Settings, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await conn.execute("ALTER TABLE usage_daily RENAME TO elsewhere")
    caplog.set_level(logging.WARNING)
    advisor = Advisor(str(settings.database_url))
    await advisor.look()
    assert not await conn.fetchval(LOOKED)
    assert ["usage_daily" in record.message for record in caplog.records] == [True]
    await conn.execute("ALTER TABLE elsewhere RENAME TO usage_daily")
    await advisor.look()
    assert await conn.fetchval(LOOKED)
