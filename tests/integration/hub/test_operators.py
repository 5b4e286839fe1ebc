"""Operators by the API: who may manage them, whom, and what becomes of those that are disabled."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from world import PASSWORD, World

OPERATORS = "/v1/operators"
ABSENT = "op_01jdxz5k6mfq8r9s0tvwxyz012"


async def _add(client: httpx.AsyncClient, world: World, **fields: Any) -> dict[str, Any]:
    """A new operator, as the answer tells of them."""
    email = f"somebody-{await world.connection.fetchval('SELECT count(*) FROM operators')}@example.com"
    answer = await client.post(OPERATORS, json={"email": email, "role": "viewer", **fields})
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def _refused(world: World, answer: httpx.Response, status: int, code: str, before: tuple[int, ...]) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await world.stored() == before


@pytest.fixture
async def tenant(world: World) -> str:
    return await world.tenant()


@pytest.fixture
async def owner(world: World, tenant: str) -> httpx.AsyncClient:
    """The owner of a tenant that is not the home tenant."""
    return await world.browser("owner", tenant)


async def test_an_owner_adds_shows_and_lists(world: World, owner: httpx.AsyncClient, tenant: str) -> None:
    answer = await owner.post(OPERATORS, json={"email": " New.One@Example.com ", "role": "admin"})
    assert answer.status_code == 201
    made = answer.json()["operator"]
    assert answer.headers["location"] == f"{OPERATORS}/{made['id']}"
    assert (made["email"], made["role"], made["tenant"]) == ("new.one@example.com", "admin", tenant)
    assert (made["has_password"], made["disabled"], made["last_signed_in_at"]) == (False, False, None)
    assert made["created_by"] == owner.headers["X-Test-Operator"]
    assert (await owner.get(f"{OPERATORS}/{made['id']}")).json() == made
    listed = (await owner.get(OPERATORS)).json()["items"]
    assert [row["email"] for row in listed] == sorted(row["email"] for row in listed)
    assert made in listed
    assert {row["tenant"] for row in listed} == {tenant}
    assert "password_hash" not in answer.text


async def test_pages_of_operators(world: World, owner: httpx.AsyncClient) -> None:
    for _ in range(3):
        await _add(owner, world)
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await owner.get(OPERATORS, params=query)).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize("role", ["admin", "viewer"])
async def test_only_owners_manage(world: World, owner: httpx.AsyncClient, tenant: str, role: str) -> None:
    other = (await _add(owner, world))["operator"]["id"]
    browser = await world.browser(role, tenant)
    assert (await browser.get(OPERATORS)).status_code == 200
    assert (await browser.get(f"{OPERATORS}/{other}")).status_code == 200
    before = await world.stored()
    for answer in (
        await browser.post(OPERATORS, json={"email": "x@example.com", "role": "viewer"}),
        await browser.patch(f"{OPERATORS}/{other}", json={"disabled": True}),
        await browser.patch(f"{OPERATORS}/{browser.headers['X-Test-Operator']}", json={"role": "owner"}),
        await browser.post(f"{OPERATORS}/{other}/link"),
    ):
        await _refused(world, answer, 403, "role_refused", before)


WEAKER = {
    "a scope less": {"scopes": ["Hub", "PSA"], "tier": "Enterprise"},
    "a smaller tier": {"tier": "Professional"},
    "an end": {"tier": "Enterprise", "expires_at": "2099-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("fields", WEAKER.values(), ids=WEAKER.keys())
async def test_a_key_that_lacks_something_manages_nobody(
    world: World, owner: httpx.AsyncClient, tenant: str, fields: dict[str, Any]
) -> None:
    everything = {"scopes": [scope.name for scope in world.settings.scopes], "tenant": tenant}
    _, secret = await world.issue(**{**everything, **fields})
    other = (await _add(owner, world))["operator"]["id"]
    before = await world.stored()
    async with world.client_of(secret) as client:
        for answer in (
            await client.post(OPERATORS, json={"email": "x@example.com", "role": "viewer"}),
            await client.patch(f"{OPERATORS}/{other}", json={"role": "owner"}),
            await client.post(f"{OPERATORS}/{other}/link"),
        ):
            await _refused(world, answer, 403, "escalation", before)
        assert (await client.get(f"{OPERATORS}/{other}")).status_code == 200


async def test_a_key_that_holds_everything_manages_its_own_tenant(world: World, tenant: str) -> None:
    scopes = [scope.name for scope in world.settings.scopes]
    _, secret = await world.issue(scopes=scopes, tier="Enterprise", tenant=tenant)
    async with world.client_of(secret) as client:
        added = await _add(client, world, role="owner")
        assert added["operator"]["tenant"] == tenant
        assert (
            await client.post(OPERATORS, json={"email": "x@y", "role": "viewer", "tenant": "home"})
        ).status_code == 404


async def test_those_of_another_tenant_are_absent(world: World, owner: httpx.AsyncClient) -> None:
    foreign = (await _add(world.client, world, tenant=await world.tenant()))["operator"]["id"]
    before = await world.stored()
    for method, suffix, body in (("GET", "", None), ("PATCH", "", {"disabled": True}), ("POST", "/link", None)):
        answers = [
            await owner.request(method, f"{OPERATORS}/{name}{suffix}", json=body)
            for name in (foreign, ABSENT, "nonsense", foreign.upper(), "%00")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text.replace(answer.headers["x-request-id"], "") for answer in answers}) == 1
    for name in ("home", "absent"):
        assert (await owner.get(OPERATORS, params={"tenant": name})).status_code == 404
        asked = {"email": "x@example.com", "role": "viewer", "tenant": name}
        assert (await owner.post(OPERATORS, json=asked)).status_code == 404
    assert await world.stored() == before


async def test_an_owner_of_home_manages_every_tenant(world: World, tenant: str) -> None:
    home = await world.browser("owner")
    added = (await _add(home, world, tenant=tenant))["operator"]
    assert added["tenant"] == tenant
    changed = await home.patch(f"{OPERATORS}/{added['id']}", json={"role": "admin"})
    assert (changed.status_code, changed.json()["role"]) == (200, "admin")
    listed = (await home.get(OPERATORS, params={"tenant": tenant})).json()["items"]
    assert [row["id"] for row in listed] == [added["id"]]


async def test_an_address_belongs_to_one_operator_of_all_tenants(world: World, owner: httpx.AsyncClient) -> None:
    taken = (await _add(world.client, world))["operator"]["email"]
    before = await world.stored()
    for email in (taken, taken.upper(), f" {taken} "):
        answer = await owner.post(OPERATORS, json={"email": email, "role": "viewer"})
        await _refused(world, answer, 409, "operator_exists", before)


@pytest.mark.parametrize("change", [{"role": "admin"}, {"disabled": True}, {"role": "viewer", "disabled": True}])
async def test_a_tenant_keeps_its_last_owner(world: World, owner: httpx.AsyncClient, change: dict[str, Any]) -> None:
    me = owner.headers["X-Test-Operator"]
    second = (await _add(owner, world, role="owner"))["operator"]["id"]
    assert (await owner.patch(f"{OPERATORS}/{second}", json=change)).status_code == 200
    before = await world.stored()
    await _refused(world, await owner.patch(f"{OPERATORS}/{me}", json=change), 409, "last_owner", before)


async def test_of_two_owners_that_end_each_other_at_once_one_stays(world: World) -> None:
    for change in ({"disabled": True}, {"role": "viewer"}) * 3:
        tenant = await world.tenant()
        owners = [await world.browser("owner", tenant) for _ in range(2)]
        ids = [browser.headers["X-Test-Operator"] for browser in owners]
        answers = await asyncio.gather(
            *(
                browser.patch(f"{OPERATORS}/{other}", json=change)
                for browser, other in zip(owners, reversed(ids), strict=True)
            )
        )
        lost = [browser for browser, answer in zip(owners, answers, strict=True) if answer.status_code != 200]
        assert len(lost) == 1
        # Each holds what the other waits for, so PostgreSQL may end one with 503; asking again then tells why.
        again = await lost[0].patch(f"{OPERATORS}/{ids[0]}", json=change)
        assert {answer.status_code for answer in answers} <= {200, 401, 403, 503}
        assert again.status_code in {401, 403}
        left = await world.connection.fetchval(
            "SELECT count(*) FROM operators WHERE tenant = $1 AND role = 'owner' AND NOT disabled", tenant
        )
        assert left == 1


async def test_whoever_is_disabled_is_out_at_once_and_can_come_back(world: World, owner: httpx.AsyncClient) -> None:
    added = await _add(owner, world, role="admin")
    path, operator = added["path"], added["operator"]
    browser = world.visitor()
    assert (await browser.post(path, data={"password": PASSWORD})).status_code == 303
    assert (await browser.get("/v1/keys")).status_code == 200
    link = (await owner.post(f"{OPERATORS}/{operator['id']}/link")).json()["path"]
    answer = await owner.patch(f"{OPERATORS}/{operator['id']}", json={"disabled": True})
    assert (answer.status_code, answer.json()["disabled"], answer.json()["has_password"]) == (200, True, True)
    refused = await browser.get("/v1/keys")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")
    assert (await world.visitor().get(link)).status_code == 404
    before = await world.stored()
    await _refused(world, await owner.post(f"{OPERATORS}/{operator['id']}/link"), 409, "operator_disabled", before)
    assert (await owner.patch(f"{OPERATORS}/{operator['id']}", json={"disabled": False})).status_code == 200
    # Neither the session nor the link comes back with them; the password does.
    assert (await browser.get("/v1/keys")).status_code == 401
    assert (await world.visitor().get(link)).status_code == 404
    again = {"email": operator["email"], "password": PASSWORD}
    assert (await browser.post("/console/sign-in", data=again)).status_code == 303
    assert (await browser.get("/v1/keys")).status_code == 200


async def test_another_role_counts_from_the_next_request_on(
    world: World, owner: httpx.AsyncClient, tenant: str
) -> None:
    browser = await world.browser("admin", tenant)
    path = f"{OPERATORS}/{browser.headers['X-Test-Operator']}"
    assert (await browser.post("/v1/keys", json={"name": "x", "scopes": []})).status_code == 201
    await owner.patch(path, json={"role": "viewer"})
    assert (await browser.post("/v1/keys", json={"name": "x", "scopes": []})).status_code == 403
    await owner.patch(path, json={"role": "owner"})
    assert (await browser.post(OPERATORS, json={"email": "by@example.com", "role": "viewer"})).status_code == 201


async def test_the_trail_tells_each_change_and_no_link(world: World, owner: httpx.AsyncClient, tenant: str) -> None:
    added = await _add(owner, world, role="viewer")
    operator = added["operator"]
    path = f"{OPERATORS}/{operator['id']}"
    await owner.patch(path, json={"role": "admin", "disabled": True})
    await owner.patch(path, json={"role": "admin", "disabled": True})  # changes nothing
    await owner.patch(path, json={})
    await owner.patch(path, json={"disabled": False})
    again = (await owner.post(f"{path}/link")).json()
    answer = await owner.get("/v1/audit", params={"target": operator["id"]})
    rows = answer.json()["items"]
    assert {(row["actor"], row["tenant"]) for row in rows} == {(owner.headers["X-Test-Operator"], tenant)}
    assert [(row["action"], row["detail"]) for row in reversed(rows)] == [
        ("operator.create", {"email": operator["email"], "role": "viewer"}),
        ("operator.link", {}),
        (
            "operator.update",
            {"role": {"from": "viewer", "to": "admin"}, "disabled": {"from": False, "to": True}},
        ),
        ("operator.update", {"disabled": {"from": True, "to": False}}),
        ("operator.link", {}),
    ]
    for made in (added, again):
        assert made["path"].rpartition("/")[2] not in answer.text


async def test_without_its_audit_row_nothing_is_changed(world: World, owner: httpx.AsyncClient) -> None:
    operator = (await _add(owner, world))["operator"]["id"]
    before = await world.stored()
    await world.connection.execute("ALTER TABLE audit ADD CONSTRAINT refused CHECK (id < 0) NOT VALID")
    try:
        for answer in (
            await owner.post(OPERATORS, json={"email": "unheard@example.com", "role": "viewer"}),
            await owner.patch(f"{OPERATORS}/{operator}", json={"role": "admin"}),
            await owner.post(f"{OPERATORS}/{operator}/link"),
        ):
            assert answer.status_code == 500
    finally:
        await world.connection.execute("ALTER TABLE audit DROP CONSTRAINT refused")
    assert await world.stored() == before
    assert (await owner.get(f"{OPERATORS}/{operator}")).json()["role"] == "viewer"


WRONG: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no address": ({"role": "viewer"}, {"email"}),
    "no role": ({"email": "x@example.com"}, {"role"}),
    "no @": ({"email": "example.com", "role": "viewer"}, {"email"}),
    "two @": ({"email": "a@b@c", "role": "viewer"}, {"email"}),
    "a space within": ({"email": "a b@c", "role": "viewer"}, {"email"}),
    "a control character": ({"email": "a\x1b@c", "role": "viewer"}, {"email"}),
    "too long": ({"email": "a" * 250 + "@b.cd", "role": "viewer"}, {"email"}),
    "a number": ({"email": 1, "role": "viewer"}, {"email"}),
    "another role": ({"email": "x@example.com", "role": "Owner"}, {"role"}),
}


@pytest.mark.parametrize(("body", "fields"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_wrong_with_a_new_operator(
    world: World, owner: httpx.AsyncClient, body: dict[str, Any], fields: set[str]
) -> None:
    before = await world.stored()
    answer = await owner.post(OPERATORS, json=body)
    await _refused(world, answer, 422, "invalid_request", before)
    assert {error["field"] for error in answer.json()["errors"]} == fields


UNKNOWN = ("id", "tenant_id", "is_admin", "password", "password_hash", "has_password", "created_at", "created_by")


@pytest.mark.parametrize("field", [*UNKNOWN, "email", "tenant"])
async def test_unknown_fields_are_refused(world: World, owner: httpx.AsyncClient, field: str) -> None:
    operator = (await _add(owner, world))["operator"]["id"]
    before = await world.stored()
    answers = [await owner.patch(f"{OPERATORS}/{operator}", json={field: "x", "role": "admin"})]
    if field in UNKNOWN:
        answers.append(await owner.post(OPERATORS, json={"email": "x@example.com", "role": "viewer", field: "x"}))
    for answer in answers:
        await _refused(world, answer, 422, "invalid_request", before)


@pytest.mark.parametrize("body", [{"role": None}, {"role": "king"}, {"disabled": "yes"}, {"disabled": None}, []])
async def test_what_is_wrong_with_a_change(world: World, owner: httpx.AsyncClient, body: Any) -> None:
    operator = (await _add(owner, world))["operator"]["id"]
    before = await world.stored()
    answer = await owner.patch(f"{OPERATORS}/{operator}", json=body)
    await _refused(world, answer, 422, "invalid_request", before)
