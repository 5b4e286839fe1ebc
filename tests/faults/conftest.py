"""Seeds, and a world of two machines that a module's faults share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect
from tests.faults.world import World, world_on


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `seed` runs once for each; its name tells which."""
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--seeds")))


@pytest.fixture
def random(seed: int, request: pytest.FixtureRequest) -> Random:
    """What a scenario decides by: the same for the same test and seed."""
    return Random(f"{request.node.name}:{seed}")


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Two machines, each with an agent and a worker; at the end, everything was counted."""
    name = "faults_" + request.module.__name__.rpartition(".")[2]
    admin = await connect(postgres.admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER keystile")
        async with world_on(postgres.url.replace("@/keystile?", f"@/{name}?"), machines=2) as world:
            await world.start()
            yield world
            await world.finish()
            assert await world.judge_counts() > 0
    finally:
        await admin.close()
