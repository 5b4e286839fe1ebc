"""A Hub for each test file of the public contract."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keystile.store.embedded import EmbeddedPostgres

sys.path.insert(0, str(Path(__file__).parents[1] / "integration" / "hub"))

from github import GitHub
from world import World, open_world


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """A Hub of the test file's own."""
    async with open_world(postgres, template) as opened:
        yield opened


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    """Who signs reports of leaked secrets."""
    one = GitHub()
    yield one
    one.close()
