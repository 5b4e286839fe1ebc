"""Who may do what: no escalation, foreign is absent, and the home tenant's reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from world import World

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
LATER = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
ABSENT = "key_01jdxz5k6mfq8r9s0tvwxyz012"


@pytest.fixture
async def small(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A key that holds little: two scopes, the middle tier, an hour to live."""
    _, secret = await world.issue(name="small", scopes=["Hub", "PSA"], tier="Professional", expires_at=SOON)
    async with world.client_of(secret) as client:
        yield client


@pytest.fixture
async def foreigner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A Hub key of another tenant, which holds all that a key can hold."""
    scopes = [scope.name for scope in world.settings.scopes]
    tenant = await world.tenant()
    _, secret = await world.issue(name="foreign", scopes=scopes, tier="Enterprise", tenant=tenant)
    async with world.client_of(secret) as client:
        yield client


WITHIN = {"name": "x", "scopes": ["PSA"], "expires_at": SOON}


@pytest.mark.parametrize(
    "beyond",
    [
        {"scopes": ["CRM"]},
        {"scopes": ["PSA", "CRM"]},
        {"tier": "Enterprise"},
        {"expires_at": LATER},
        {"expires_at": None},
    ],
    ids=["a scope", "a scope more", "a tier", "a longer life", "no end"],
)
async def test_nobody_gives_more_than_they_hold(world: World, small: httpx.AsyncClient, beyond: dict[str, Any]) -> None:
    mine = (await small.post("/v1/keys", json=WITHIN)).json()["key"]
    before = await world.stored()
    made = await small.post("/v1/keys", json={**WITHIN, **beyond})
    assert (made.status_code, made.json()["code"]) == (403, "escalation")
    changed = await small.patch(f"/v1/keys/{mine['id']}", json=beyond)
    assert (changed.status_code, changed.json()["code"]) == (403, "escalation")
    assert await world.stored() == before


async def test_an_absent_expiry_is_no_way_around_ones_own(small: httpx.AsyncClient) -> None:
    answer = await small.post("/v1/keys", json={"name": "x", "scopes": []})
    assert (answer.status_code, answer.json()["code"]) == (403, "escalation")


@pytest.mark.parametrize(
    "greater",
    [
        {"scopes": ["CRM"], "expires_at": SOON},
        {"tier": "Enterprise", "expires_at": SOON},
        {"expires_at": LATER},
        {"expires_at": None},
    ],
    ids=["a scope", "a tier", "a longer life", "no end"],
)
async def test_nobody_edits_or_rotates_what_holds_more(
    world: World, small: httpx.AsyncClient, greater: dict[str, Any]
) -> None:
    key, secret = await world.issue(**greater)
    before = await world.stored()
    for answer in (
        await small.patch(f"/v1/keys/{key['id']}", json={"name": "mine now"}),
        await small.patch(f"/v1/keys/{key['id']}", json={"scopes": [], "tier": "Standard"}),
        await small.post(f"/v1/keys/{key['id']}/rotate"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "escalation")
    assert await world.stored() == before
    assert (await world.decide(secret, None))[0] == 200


async def test_revoking_takes_rights_away_and_is_no_escalation(world: World, small: httpx.AsyncClient) -> None:
    key, _ = await world.issue(scopes=["CRM"])
    assert (await small.post(f"/v1/keys/{key['id']}/revoke")).status_code == 200


async def test_foreign_keys_are_absent(world: World, foreigner: httpx.AsyncClient) -> None:
    key, _ = await world.issue()
    before = await world.stored()
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/rotate", {}),
        ("POST", "/revoke", {}),
        ("GET", "/usage", None),
    ):
        answers = [
            await foreigner.request(method, f"/v1/keys/{key_id}{suffix}", json=body)
            for key_id in (key["id"], ABSENT, "nonsense", "%00", key["id"].upper())
        ]
        texts = {answer.text.replace(answer.headers["x-request-id"], "") for answer in answers}
        assert {answer.status_code for answer in answers} == {404}
        assert len(texts) == 1
    assert await world.stored() == before


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/usage", "/v1/audit"])
async def test_foreign_tenants_are_absent(foreigner: httpx.AsyncClient, path: str) -> None:
    answers = [await foreigner.get(path, params={"tenant": tenant}) for tenant in ("home", "absent", "No!")]
    assert {answer.status_code for answer in answers} == {404}
    texts = {answer.text.replace(answer.headers["x-request-id"], "") for answer in answers[:2]}
    assert len(texts) == 1


async def test_a_key_cannot_be_made_for_a_foreign_tenant(world: World, foreigner: httpx.AsyncClient) -> None:
    before = await world.stored()
    for tenant in ("home", "absent"):
        answer = await foreigner.post("/v1/keys", json={"name": "x", "scopes": [], "tenant": tenant})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await world.stored() == before


async def test_others_see_only_themselves(world: World, foreigner: httpx.AsyncClient) -> None:
    await world.issue()
    items = (await foreigner.get("/v1/keys")).json()["items"]
    assert [item["name"] for item in items] == ["foreign"]
    tenants = (await foreigner.get("/v1/tenants")).json()["items"]
    assert [tenant["id"] for tenant in tenants] == [items[0]["tenant"]]
    assert (await foreigner.get(f"/v1/tenants/{tenants[0]['id']}")).status_code == 200
    assert (await foreigner.get("/v1/tenants/home")).status_code == 404
    trail = (await foreigner.get("/v1/audit")).json()["items"]
    assert {row["tenant"] for row in trail} == {items[0]["tenant"]}


async def test_only_home_makes_and_renames_tenants(world: World, foreigner: httpx.AsyncClient) -> None:
    own = (await foreigner.get("/v1/tenants")).json()["items"][0]["id"]
    before = await world.stored()
    made = await foreigner.post("/v1/tenants", json={"id": "mine", "name": "Mine"})
    assert (made.status_code, made.json()["code"]) == (403, "home_only")
    renamed = await foreigner.patch(f"/v1/tenants/{own}", json={"name": "Mine"})
    assert (renamed.status_code, renamed.json()["code"]) == (403, "home_only")
    assert (await foreigner.patch("/v1/tenants/home", json={"name": "Mine"})).status_code == 404
    assert await world.stored() == before


async def test_home_acts_for_others(world: World) -> None:
    tenant = await world.tenant()
    key, secret = await world.issue(tenant=tenant)
    path = f"/v1/keys/{key['id']}"
    assert (await world.client.get(path)).json()["tenant"] == tenant
    assert (await world.client.patch(path, json={"name": "renamed"})).status_code == 200
    assert (await world.client.post(f"{path}/revoke")).status_code == 200
    assert await world.decide(secret) == (401, "revoked_key")
    trail = (await world.client.get("/v1/audit", params={"tenant": tenant})).json()["items"]
    assert [row["action"] for row in trail] == ["key.revoke", "key.update", "key.create", "tenant.create"]


async def test_the_hub_scope_is_needed(world: World) -> None:
    _, secret = await world.issue(scopes=["PSA"])
    async with world.client_of(secret) as client:
        answer = await client.get("/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="Hub"' in answer.headers["www-authenticate"]
    async with world.client_of(None) as nobody:
        for path in ("/v1/keys", "/v1/nothing", "/v1/"):
            assert (await nobody.get(path)).json()["code"] == "missing_credentials"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ("disabled = true", 401, "disabled_key"),
        ("expires_at = now()", 401, "expired_key"),
        ("revoked_at = now()", 401, "revoked_key"),
        ("scopes = '{PSA}'", 403, "insufficient_scope"),
    ],
)
async def test_the_database_has_the_last_word_on_the_caller(world: World, change: str, status: int, code: str) -> None:
    key, secret = await world.issue(scopes=["Hub"])
    async with world.client_of(secret) as client:
        # Without its trigger the change stays unknown to the gate, as it is for the first milliseconds.
        async with world.connection.transaction():
            await world.connection.execute("ALTER TABLE keys DISABLE TRIGGER feed_key_changed")
            await world.connection.execute(f"UPDATE keys SET {change} WHERE id = $1", key["id"])
            await world.connection.execute("ALTER TABLE keys ENABLE TRIGGER feed_key_changed")
        before = await world.stored()
        for answer in (await client.get("/v1/keys"), await client.post("/v1/keys", json=WITHIN)):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert "www-authenticate" in answer.headers
    assert await world.stored() == before
