"""From PostgreSQL into a segment: how long an agent takes until its machine's gate can decide."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from keystile import Gate, new_key_id
from keystile.agent.agent import Agent
from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS
from keystile.pepper import pepper_bytes
from keystile.settings import Settings, segment_path
from keystile.store import catalogue, tenants
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import connect

pytestmark = [pytest.mark.benchmark(group="load"), pytest.mark.timeout(900)]

KEYS = figures.sized(20_000, 100_000, 1_000_000)
_COLUMNS = ("id", "tenant", "name", "start", "last4", "scopes", "tier", "digest", "created_by")


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[str]:
    """An embedded server with a migrated database; its URL."""
    with tempfile.TemporaryDirectory(prefix="keystile-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        await server.start()
        try:
            yield server.url
        finally:
            await server.stop()


async def fill(url: str, count: int) -> None:
    """Keys straight into the table, in one COPY."""
    conn = await connect(url)
    try:
        await migrate(conn)
        async with conn.transaction():
            await catalogue.apply(conn, DEFAULT_SCOPES, DEFAULT_TIERS)
            await tenants.insert(conn, "home", "Home", home=True)
        await conn.execute("SET statement_timeout = 0")
        await conn.copy_records_to_table("keys", records=rows(count), columns=_COLUMNS, timeout=600)
        await conn.execute("ANALYZE keys")
    finally:
        await conn.close()


def rows(count: int) -> Iterator[tuple[object, ...]]:
    for _ in range(count):
        yield (new_key_id(), "home", "Bench", "tos_0000", "0000", ["PSA"], "Standard", os.urandom(32), "bench")


async def loaded(settings: Settings, url: str) -> float:
    """Seconds from the agent's start until the gate can decide."""
    agent = Agent(settings, url)
    started = time.perf_counter()
    task = asyncio.create_task(agent.run())
    await agent.ready.wait()
    seconds = time.perf_counter() - started
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return seconds


async def scenario(folder: Path) -> float:
    async with database() as url:
        settings = Settings(data=folder, database_url=url, segment=folder / "gate")
        pepper_bytes(settings, create=True)
        await fill(url, KEYS)
        seconds = await loaded(settings, url)
        assert Gate.attach(segment_path(settings)).key_count == KEYS
        return seconds


def test_load(benchmark: BenchmarkFixture, folder: Path) -> None:
    seconds = benchmark.pedantic(lambda: asyncio.run(scenario(folder)), rounds=1)
    figures.amount("load", f"{KEYS:,} keys from PostgreSQL into a segment", seconds, "s")
    figures.amount("load", "keys loaded a second", KEYS / seconds, "/s")
