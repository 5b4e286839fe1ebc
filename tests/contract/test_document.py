"""Every answer that the document promises can be had, and is as it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from github import GitHub
from world import World, lifespan, open_world

from keystile.catalogue_settings import DEFAULT_TIERS, TierSetting
from keystile.hub.app import create_app
from keystile.store.embedded import EmbeddedPostgres
from tests.contract.answers import ATTEMPTS, Answers, Others, Secrets

SINGLE, UNLIMITED = TierSetting("Single", 1, 1), TierSetting("Unlimited", 1_000_000_000, 1_000_000_000)


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str, github: GitHub) -> AsyncIterator[World]:
    """One with a tier and a budget of failed attempts that are used up at once; its gate hears of changes at once."""
    options: dict[str, Any] = {
        "tiers": (*DEFAULT_TIERS, SINGLE, UNLIMITED),
        "failure_rate": 1,
        "failure_burst": ATTEMPTS,
        "trusted_proxies": ("127.0.0.0/8",),
        "poll_interval_ms": 10,
        "stale_after_ms": 120_000,
        "webhook_networks": ("127.0.0.0/8",),
        "leaks_keys_url": github.url,
    }
    async with open_world(postgres, template, **options) as opened:
        yield opened


@pytest.fixture(scope="module")
async def others(world: World) -> AsyncIterator[Others]:
    """A Hub on a machine that has no gate yet, and whose GitHub is away; and one that was told of no GitHub."""
    nothing = world.settings.data / "nothing"
    async with (
        _beside(world, segment=nothing, leaks_keys_url="http://127.0.0.1:9/") as without_gate,
        _beside(world, segment=nothing, leaks_keys_url=None) as without_reports,
    ):
        yield Others(without_gate, without_reports)


@asynccontextmanager
async def _beside(world: World, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = create_app(msgspec.structs.replace(world.settings, **changed))
    async with lifespan(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client


@pytest.fixture(scope="module")
async def secrets(world: World) -> Secrets:
    """With the one token of the last of them spent."""
    _, scopeless = await world.issue(scopes=[], tier="Unlimited")
    _, exhausted = await world.issue(scopes=["Hub"], tier="Single")
    assert (await world.client_of(exhausted).get("/v1/scopes")).status_code == 200
    return Secrets(world.secret, scopeless, exhausted)


@pytest.fixture(scope="module")
async def document(world: World) -> dict[str, Any]:
    return dict((await world.client.get("/openapi.json")).json())


async def test_every_documented_answer_is_seen(
    world: World, others: Others, secrets: Secrets, github: GitHub, document: dict[str, Any]
) -> None:
    complaints = await Answers(world, others, secrets, github, document).complaints()
    assert complaints == [], "\n".join(complaints)


async def test_what_is_not_so_is_noticed(
    world: World, others: Others, secrets: Secrets, github: GitHub, document: dict[str, Any]
) -> None:
    """A call that nobody has thought of, a conflict without a way to it, an answer of another form, and no answer."""
    tiers = document["paths"]["/v1/tiers"]["get"]
    problem, good = tiers["responses"]["422"], tiers["responses"]["200"]
    text = {"description": "", "content": {"application/json": {"schema": {"type": "string"}}}}
    wrong = {
        "/v1/nothing": {"post": {**tiers, "requestBody": {"content": {}}, "responses": {"200": good}}},
        "/v1/tiers": {"get": {**tiers, "responses": {"200": text, "404": problem, "409": problem}}},
        "/v1/scopes": {"get": {**tiers, "responses": {"200": good, "202": good}}},
    }
    complaints = await Answers(world, others, secrets, github, {**document, "paths": wrong}).complaints()
    begins = [complaint.partition(" as ")[0] for complaint in complaints]
    assert begins == [
        "POST /v1/nothing, 200",
        "GET /v1/tiers, 200",
        "GET /v1/tiers, 404",
        "GET /v1/tiers, 409",
        "GET /v1/scopes, 200",
        "GET /v1/scopes, 202",
    ]
    assert all("tests/contract/ways.py" in complaint for complaint in complaints)
