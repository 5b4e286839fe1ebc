"""Fixtures for tests that need a database: the real embedded PostgreSQL, started once for all of them."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import Connection, connect

_TEMPLATE = "template_keystile"
_numbers = count(1)

Eventually = Callable[..., Awaitable[None]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the fault tests and Schemathesis are repeated with."""
    parser.addoption("--seed", type=int, default=1, help="the first seed")
    parser.addoption("--long", action="store_true", help="the long form of the fault tests and of Schemathesis")
    parser.addoption("--seconds", type=float, default=1, help="how long faults follow each other in the last of them")
    parser.addoption("--seeds", type=int, default=1, help="how many seeds each fault test runs with")


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """`await eventually(condition)`: returns once the condition, awaitable or not, holds; fails after a while."""

    async def wait(condition: Callable[[], object], *, longest_s: float = 20.0) -> None:
        deadline_s = asyncio.get_running_loop().time() + longest_s
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            assert asyncio.get_running_loop().time() < deadline_s, "it never came true"
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A running embedded server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="keystile-test-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture(scope="session")
async def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The server's own database, empty: no migration has run there."""
    return postgres.url


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database to make others from."""
    async with _admin(postgres) as admin:
        await admin.execute(f"CREATE DATABASE {_TEMPLATE} OWNER keystile")
    conn = await connect(_named(postgres.url, _TEMPLATE))
    try:
        await migrate(conn)
    finally:
        await conn.close()
    return _TEMPLATE


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """A migrated database of the test's own, empty but for the schema."""
    name = f"test_{next(_numbers)}"
    async with _admin(postgres) as admin:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER keystile")
    yield _named(postgres.url, name)
    async with _admin(postgres) as admin:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    """A connection to the test's own database."""
    connection = await connect(database_url)
    yield connection
    await connection.close(timeout=5)


@asynccontextmanager
async def _admin(postgres: EmbeddedPostgres) -> AsyncIterator[Connection]:
    connection = await connect(postgres.admin_url)
    try:
        yield connection
    finally:
        await connection.close()


def _named(url: str, database: str) -> str:
    return url.replace("@/keystile?", f"@/{database}?")
