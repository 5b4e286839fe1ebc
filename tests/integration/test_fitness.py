"""Databases that will not do are refused at the start, in plain words."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from keystile.errors import StoreError
from keystile.store.fitness import Unfit, check_fitness
from keystile.store.pool import Connection, connect
from tests.databases.pooler import Pooler
from tests.databases.standby import streaming_pair


async def agent(data: Path, url: str) -> tuple[int | None, str]:
    """Start `keystile agent` on this database; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from keystile.cli.main import main; main()",
        "agent",
        env={**os.environ, "KEYSTILE_DATA": str(data), "KEYSTILE_DATABASE_URL": url, "KEYSTILE_PEPPER": "07" * 32},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, told.decode()


async def test_an_ordinary_database_will_do(database_url: str) -> None:
    await check_fitness(database_url, migrated=True)


async def test_a_replica_is_refused(tmp_path: Path) -> None:
    async with streaming_pair(tmp_path) as pair:
        await check_fitness(pair.primary.url, migrated=False)
        with pytest.raises(Unfit, match="replica"):
            await check_fitness(pair.standby.url, migrated=False)
        status, told = await agent(tmp_path / "agent", pair.standby.url)
        assert status == 1
        assert "replica" in told
        assert "Traceback" not in told
        await pair.promote()
        await check_fitness(pair.standby.url, migrated=False)


async def test_a_pooler_in_transaction_mode_is_refused(database_url: str, tmp_path: Path) -> None:
    async with Pooler(database_url, by_transaction=True).open() as url:
        for _ in range(3):
            with pytest.raises(Unfit, match="transaction mode"):
                await check_fitness(url, migrated=True)
        status, told = await agent(tmp_path, url)
        assert status == 1
        assert "transaction mode" in told
        assert "Traceback" not in told


async def test_a_pooler_in_session_mode_will_do(database_url: str) -> None:
    async with Pooler(database_url, by_transaction=False).open() as url:
        await check_fitness(url, migrated=True)
        conn = await connect(url)
        assert await conn.fetchval("SELECT pg_backend_pid()") != conn.get_server_pid()
        conn.terminate()


async def test_another_schema_is_refused(conn: Connection, database_url: str, tmp_path: Path) -> None:
    newest = "SELECT max(number) FROM schema_migrations"
    await conn.execute("INSERT INTO schema_migrations VALUES (9999, 'later', '')")
    status, told = await agent(tmp_path, database_url)
    assert (status, "newer than this program" in told) == (1, True)
    await conn.execute("DELETE FROM schema_migrations WHERE number = 9999")
    await check_fitness(database_url, migrated=True)
    await conn.execute(f"DELETE FROM schema_migrations WHERE number = ({newest})")
    await check_fitness(database_url, migrated=False)
    status, told = await agent(tmp_path, database_url)
    assert (status, "keystile db migrate" in told) == (1, True)


async def test_one_that_is_away_may_come_back() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        await check_fitness("postgresql://nobody@127.0.0.1:1/none", migrated=True)
    assert not isinstance(caught.value, Unfit)


async def test_a_pooler_that_refuses_our_limits_is_told_in_plain_words(database_url: str) -> None:
    async with Pooler(database_url, by_transaction=False, refuses="lock_timeout").open() as url:
        with pytest.raises(Unfit, match=r"pooler .* refuses .*lock_timeout"):
            await check_fitness(url, migrated=True)
