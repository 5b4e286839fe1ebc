"""Migrations: applied once, in order, alone, and refused when they do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from keystile.errors import StoreError
from keystile.store import migrate as migrations
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import available, migrate, status
from keystile.store.pool import Connection, connect

_numbers = count(1)


@pytest.fixture
async def empty_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"empty_{next(_numbers)}"
    admin = await connect(postgres.admin_url)
    await admin.execute(f"CREATE DATABASE {name} OWNER keystile")
    yield postgres.url.replace("@/keystile?", f"@/{name}?")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Connection]:
    connection = await connect(empty_url)
    yield connection
    await connection.close()


async def test_a_new_database_gets_everything_once(empty: Connection) -> None:
    assert [step.applied_at for step in await status(empty)] == [None] * len(available())
    applied = await migrate(empty)
    assert [step.number for step in applied] == [step.number for step in available()]
    assert await migrate(empty) == []
    assert await status(empty) == applied
    assert all(step.applied_at is not None for step in applied)


async def test_programs_that_start_at_once_take_turns(empty_url: str) -> None:
    async def run() -> int:
        own = await connect(empty_url)
        try:
            return len(await migrate(own))
        finally:
            await own.close()

    assert sorted(await asyncio.gather(*(run() for _ in range(5)))) == [0, 0, 0, 0, len(available())]


async def test_a_newer_schema_is_refused(empty: Connection) -> None:
    await migrate(empty)
    await empty.execute("INSERT INTO schema_migrations VALUES (999, '0999_future', 'x')")
    for call in (migrate, status):
        with pytest.raises(StoreError, match="newer"):
            await call(empty)


async def test_a_changed_migration_is_refused(empty: Connection) -> None:
    await migrate(empty)
    await empty.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 2")
    for call in (migrate, status):
        with pytest.raises(StoreError, match="0002_feed"):
            await call(empty)


async def test_a_lock_is_not_waited_for_without_end(
    empty: Connection, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT_S", 1)
    before = await empty.fetchval("SHOW lock_timeout")
    holder = await connect(empty_url)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", migrations._ADVISORY_LOCK)
        with pytest.raises(StoreError, match="gave up"):
            await migrate(empty)
    finally:
        await holder.close()
    assert await empty.fetchval("SHOW lock_timeout") == before
    assert len(await migrate(empty)) == len(available())


async def test_a_failed_step_leaves_nothing_behind(empty: Connection) -> None:
    await empty.execute("CREATE TABLE changes (in_the_way integer)")
    with pytest.raises(Exception, match="already exists"):
        await migrate(empty)
    assert [step.applied_at is not None for step in await status(empty)] == [True, *[False] * (len(available()) - 1)]
    assert await empty.fetchval("SELECT to_regclass('feed_clock')") is None
    await empty.execute("DROP TABLE changes")
    assert len(await migrate(empty)) == len(available()) - 1
