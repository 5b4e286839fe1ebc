"""`GET /v1/advice`: what it answers, to whom, and about whose keys; and that a remedy ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from world import World

from keystile.store import findings

Eventually = Callable[..., Awaitable[None]]


async def items(world: World, **query: Any) -> list[dict[str, Any]]:
    answer = await world.client.get("/v1/advice", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_advice_names_its_remedy_and_ends_with_it(world: World) -> None:
    tenant = await world.tenant()
    key, _ = await world.issue(name="Old", tenant=tenant)
    await world.connection.execute("UPDATE keys SET created_at = now() - interval '91 days' WHERE id = $1", key["id"])
    found = await items(world, tenant=tenant)
    assert [(item["kind"], item["remedy"]) for item in found] == [("old_secret", "rotate"), ("no_expiry", "set_expiry")]
    assert found[0] == {
        "key_id": key["id"],
        "name": "Old",
        "kind": "old_secret",
        "since": found[0]["since"],
        "remedy": "rotate",
        "scopes": None,
        "change": None,
    }
    assert found[0]["since"].endswith("Z")
    await world.client.post(f"/v1/keys/{key['id']}/rotate")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"expires_at": "2100-01-01T00:00:00Z"})
    assert await items(world, tenant=tenant) == []


async def test_scopes_that_are_used_at_a_gate_are_not_among_the_unused(world: World, eventually: Eventually) -> None:
    """The whole way: a check, the agent's flush, and the search for findings."""
    tenant = await world.tenant()
    key, secret = await world.issue(tenant=tenant, scopes=["PSA", "CRM", "Books"], expires_at="2100-01-01T00:00:00Z")
    db = world.connection
    await db.execute("UPDATE keys SET created_at = now() - interval '60 days' WHERE id = $1", key["id"])
    await db.execute("UPDATE watches SET at = now() - interval '60 days' WHERE name = 'scopes'")
    assert await world.decide(secret, "CRM") == (200, "ok")
    assert await world.decide(secret, "Voice") == (403, "insufficient_scope")
    assert await world.decide(secret, None) == (200, "ok")

    async def noted() -> bool:
        return bool(await db.fetchval("SELECT count(*) FROM scope_uses WHERE key_id = $1", key["id"]))

    await eventually(noted)
    assert await findings.look(db, pause_s=0)
    (item,) = await items(world, tenant=tenant, kind="unused_scopes")
    assert (item["scopes"], item["remedy"]) == (["PSA", "Books"], "drop_scopes")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"scopes": ["CRM"]})
    assert await items(world, tenant=tenant) == []


async def test_pages_follow_each_other(world: World) -> None:
    tenant = await world.tenant()
    issued = [(await world.issue(tenant=tenant))[0]["id"] for _ in range(3)]
    first = (await world.client.get("/v1/advice", params={"tenant": tenant, "limit": 2})).json()
    query = {"tenant": tenant, "limit": 2, "cursor": first["next_cursor"]}
    second = (await world.client.get("/v1/advice", params=query)).json()
    assert [item["key_id"] for item in first["items"] + second["items"]] == issued
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"kind": "nonsense"}, 422, "invalid_request"),
        ({"limit": 201}, 422, "invalid_request"),
        ({"cursor": "nonsense"}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
        ({"tenant": "nobody"}, 404, "not_found"),
    ],
)
async def test_bad_questions(world: World, query: dict[str, Any], status: int, code: str) -> None:
    answer = await world.client.get("/v1/advice", params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_tenants_hub_key_reads_its_own_only(world: World) -> None:
    tenant = await world.tenant()
    key, secret = await world.issue(tenant=tenant, scopes=["Hub"])
    async with world.client_of(secret) as client:
        found = (await client.get("/v1/advice")).json()["items"]
        assert [item["key_id"] for item in found] == [key["id"]]
        assert (await client.get("/v1/advice", params={"tenant": "home"})).status_code == 404
    _, plain = await world.issue(tenant=tenant, scopes=["PSA"])
    async with world.client_of(plain) as client:
        assert (await client.get("/v1/advice")).status_code == 403
