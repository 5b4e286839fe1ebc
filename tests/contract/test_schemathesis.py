"""Schemathesis with all its checks and phases: the API does what its document says. `--long` for much more of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from keystile.catalogue_settings import DEFAULT_TIERS, TierSetting
from keystile.store.embedded import EmbeddedPostgres
from tests.contract.fuzzing import fuzz

UNLIMITED = TierSetting("Unlimited", 1_000_000_000, 1_000_000_000)
LONG_EXAMPLES, EXAMPLES = 200, 3
MOST_S = 300.0
ONE_METHOD = ("--exclude-name-regex", "^(?!GET ).* /v1/authz")
"""Which method it is makes no difference there."""


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """One whose operator's key is never out of tokens, and whose gate hears of changes at once."""
    tiers = (*DEFAULT_TIERS, UNLIMITED)
    async with open_world(postgres, template, tiers=tiers, poll_interval_ms=10, stale_after_ms=120_000) as opened:
        yield opened


@pytest.mark.timeout(0)  # it has its own
async def test_nothing_fails(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_long, seed = request.config.getoption("--long"), request.config.getoption("--seed")
    examples = LONG_EXAMPLES if is_long else EXAMPLES
    options = ("--checks", "all", "--seed", str(seed), "--max-examples", str(examples))
    async with asyncio.timeout(None if is_long else MOST_S):
        result = await fuzz(world, tmp_path, *options, *(() if is_long else ONE_METHOD))
    assert result.passed, result.output
    assert (await world.client.get("/v1/scopes")).status_code == 200, "it has lost its own key"
    document = (await world.client.get("/openapi.json")).json()
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    tried = {name for name in operations if is_long or "/v1/authz" not in name or name.startswith("GET ")}
    assert result.seen.keys() == tried
    assert [name for name in sorted(tried) if not result.seen[name] & {200, 201}] == [], "never got anywhere"
