"""A Hub for each test file, and one with sample data."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keystile.store.embedded import EmbeddedPostgres

sys.path.insert(0, str(Path(__file__).parent))

from world import World, open_world


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """A Hub of the test file's own."""
    async with open_world(postgres, template) as opened:
        yield opened


@pytest.fixture(scope="module")
async def demo(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """The same with sample data and sample products."""
    async with open_world(postgres, template, demo=True) as opened:
        yield opened
