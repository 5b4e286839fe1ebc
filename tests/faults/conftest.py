"""Seeds, and a world of two machines that a module's faults share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.faults.server import Server, serving
from tests.faults.world import World, world_on

_HEAVY_SEEDS = 3


def pytest_configure(config: pytest.Config) -> None:
    """A mark for tests that take minutes in their long form."""
    config.addinivalue_line("markers", f"heavy: runs with at most {_HEAVY_SEEDS} seeds")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `seed` runs once for each; its name tells which."""
    if "seed" in metafunc.fixturenames:
        first, how_many = metafunc.config.getoption("--seed"), metafunc.config.getoption("--seeds")
        if metafunc.definition.get_closest_marker("heavy"):
            how_many = min(how_many, _HEAVY_SEEDS)
        metafunc.parametrize("seed", range(first, first + how_many))


@pytest.fixture
def random(seed: int, request: pytest.FixtureRequest) -> Random:
    """What a scenario decides by: the same for the same test and seed."""
    return Random(f"{request.node.name}:{seed}")


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether a test has all the time that it wants."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Server]:
    """A server of the fault tests' own."""
    async with serving() as server:
        yield server


@pytest.fixture
async def database_url(server: Server) -> str:
    """A migrated, empty database on it."""
    return await server.database()


@pytest.fixture(scope="module")
async def world(server: Server) -> AsyncIterator[World]:
    """Two machines, each with an agent and a worker; at the end, everything was counted."""
    async with world_on(await server.database(), machines=2) as world:
        await world.start()
        yield world
        await world.finish()
        assert await world.judge_counts() > 0
