"""A migration that has to wait for somebody else's lock: gates go on, and it gives up in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.errors import StoreError
from keystile.settings import Settings, segment_path
from keystile.store import migrate as migrations
from keystile.store.pool import Connection, connect
from keystile.store.records import Migration
from tests.integration.machine import prepared

STALE_AFTER_S = 1.6


@pytest.fixture
async def settings(tmp_path: Path, database_url: str, conn: Connection) -> Settings:
    return await prepared(conn, tmp_path, database_url, stale_after_ms=int(STALE_AFTER_S * 1_000))


@pytest.fixture
def pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that needs the keys to itself."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/9999_wider.sql").write_text("ALTER TABLE keys ADD COLUMN wider integer;")
    every = [*migrations.available(), Migration(number=9999, name="9999_wider", checksum="x")]
    monkeypatch.setattr(migrations, "available", lambda: every)
    monkeypatch.setattr(migrations, "files", lambda _: tmp_path)
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT_S", 4)


@pytest.mark.usefixtures("pending")
async def test_behind_a_long_transaction(settings: Settings, database_url: str, conn: Connection) -> None:
    agent = Agent(settings, database_url)
    running = asyncio.create_task(agent.run())
    await asyncio.wait_for(agent.ready.wait(), 20)
    gate = Gate.attach(segment_path(settings))
    holder = await connect(database_url)
    reading = holder.transaction()
    await reading.start()
    await holder.fetch("SELECT count(*) FROM keys")

    migrating = asyncio.create_task(migrations.migrate(conn))
    stale = 0
    while not migrating.done():
        stale += gate.check("tos_Rcmn0iSHkpEby6vK111fY00Ggbrp").code == "gate_stale"
        await asyncio.sleep(0.01)
    with pytest.raises(StoreError, match=r"gave up.*was not begun"):
        await migrating
    assert stale == 0
    assert (await migrations.status(conn))[-1].applied_at is None

    await reading.rollback()
    await holder.close()
    assert [step.number for step in await migrations.migrate(conn)] == [9999]
    assert await conn.fetchval("SHOW lock_timeout") == "5s"
    running.cancel()
    await asyncio.wait({running})
