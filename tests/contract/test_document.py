"""Every answer that the document promises can be had, and is as it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from world import World, lifespan, open_world

from keystile.catalogue_settings import DEFAULT_TIERS, TierSetting
from keystile.hub.app import create_app
from keystile.store.embedded import EmbeddedPostgres
from tests.contract.answers import Answers, Secrets

SINGLE, UNLIMITED = TierSetting("Single", 1, 1), TierSetting("Unlimited", 1_000_000_000, 1_000_000_000)


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """One with a tier that is used up at once; its gate hears of changes at once, and does not age meanwhile."""
    tiers = (*DEFAULT_TIERS, SINGLE, UNLIMITED)
    async with open_world(postgres, template, tiers=tiers, poll_interval_ms=10, stale_after_ms=120_000) as opened:
        yield opened


@pytest.fixture(scope="module")
async def without_gate(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A Hub on a machine that has no gate yet."""
    app: Any = create_app(msgspec.structs.replace(world.settings, segment=world.settings.data / "nothing"))
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
    world: World, without_gate: httpx.AsyncClient, secrets: Secrets, document: dict[str, Any]
) -> None:
    complaints = await Answers(world, without_gate, secrets, document).complaints()
    assert complaints == [], "\n".join(complaints)


async def test_what_is_not_so_is_noticed(
    world: World, without_gate: httpx.AsyncClient, secrets: Secrets, document: dict[str, Any]
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
    complaints = await Answers(world, without_gate, secrets, {**document, "paths": wrong}).complaints()
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
