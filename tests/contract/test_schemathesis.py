"""Schemathesis with all its checks and phases: the API does what its document says. `--long` for much more of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from github import GitHub
from world import World, open_world

from keystile.catalogue_settings import DEFAULT_TIERS, TierSetting
from keystile.store.embedded import EmbeddedPostgres
from tests.contract.fuzzing import fuzz

UNLIMITED = TierSetting("Unlimited", 1_000_000_000, 1_000_000_000)
LONG_EXAMPLES, EXAMPLES = 200, 3
MOST_S = 300.0
HARD = {
    "POST /v1/leaks",  # nobody but GitHub can sign
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry",  # a webhook's own delivery
}
"""What random requests do not get to; `test_document.py` does."""
ONE_METHOD = ("--exclude-name-regex", "^(?!GET ).* /v1/authz")
"""Which method it is makes no difference there."""


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str, github: GitHub) -> AsyncIterator[World]:
    """One whose operator's key is never out of tokens, and whose gate hears of changes at once."""
    tiers = (*DEFAULT_TIERS, UNLIMITED)
    options: dict[str, Any] = {
        "tiers": tiers,
        "poll_interval_ms": 10,
        "stale_after_ms": 120_000,
        "webhook_networks": ("127.0.0.0/8",),
        "leaks_keys_url": github.url,
    }
    async with open_world(postgres, template, **options) as opened:
        yield opened


@pytest.mark.timeout(0)  # it has its own
async def test_nothing_fails(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_long, seed = request.config.getoption("--long"), request.config.getoption("--seed")
    examples = LONG_EXAMPLES if is_long else EXAMPLES
    # All checks are on unless the configuration says otherwise; naming them here would overrule it.
    options = ("--seed", str(seed), "--max-examples", str(examples))
    async with asyncio.timeout(None if is_long else MOST_S):
        result = await fuzz(world, tmp_path, *options, *(() if is_long else ONE_METHOD))
    assert result.passed, result.output
    assert (await world.client.get("/v1/scopes")).status_code == 200, "it has lost its own key"
    document = (await world.client.get("/openapi.json")).json()
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    tried = {name for name in operations if is_long or "/v1/authz" not in name or name.startswith("GET ")}
    assert result.seen.keys() == tried
    nowhere = {name for name in tried if not result.seen[name] & {200, 201, 202, 204}}
    assert nowhere <= HARD, "never got anywhere"
