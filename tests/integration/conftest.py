"""Settings for an agent, and the database that it follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keystile.pepper import pepper_bytes
from keystile.settings import DEFAULT_SCOPES, DEFAULT_TIERS, Settings
from keystile.store import catalogue, tenants
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import Connection, connect
from tests.databases.backup import Backup


@pytest.fixture
async def settings(tmp_path: Path, database_url: str, conn: Connection) -> Settings:
    """Settings for an agent of the test's own, on a database with the default catalogue and a home tenant."""
    made = Settings(
        data=tmp_path,
        database_url=database_url,
        segment=tmp_path / "gate",
        capacity=1_000,
        poll_interval_ms=50,
        stale_after_ms=1_000,
        flush_interval_ms=50,
    )
    pepper_bytes(made, create=True)
    async with conn.transaction():
        await catalogue.apply(conn, DEFAULT_SCOPES, DEFAULT_TIERS)
        await tenants.insert(conn, "home", "Home", home=True)
    return made


@pytest.fixture
async def backup(postgres: EmbeddedPostgres, database_url: str) -> AsyncIterator[Backup]:
    admin = await connect(postgres.admin_url)
    yield Backup(admin, database_url.partition("@/")[2].partition("?")[0])
    await admin.close()
