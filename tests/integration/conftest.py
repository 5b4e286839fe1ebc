"""Settings for an agent, and the database that it follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keystile.settings import Settings
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import Connection, connect
from tests.databases.backup import Backup
from tests.integration.machine import prepared


@pytest.fixture
async def settings(tmp_path: Path, database_url: str, conn: Connection) -> Settings:
    """Settings for an agent of the test's own, on a database with the default catalogue and a home tenant."""
    return await prepared(conn, tmp_path, database_url, stale_after_ms=1_000)


@pytest.fixture
async def backup(postgres: EmbeddedPostgres, database_url: str) -> AsyncIterator[Backup]:
    admin = await connect(postgres.admin_url)
    yield Backup(admin, database_url.partition("@/")[2].partition("?")[0])
    await admin.close()
