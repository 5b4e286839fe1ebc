"""Usage, the catalogue, tenants and the audit trail."""

from __future__ import annotations

import csv
import io

import pytest
from world import World


async def test_the_catalogue_is_the_configured_one(world: World) -> None:
    scopes = (await world.client.get("/v1/scopes")).json()
    assert [scope["name"] for scope in scopes["items"]] == [s.name for s in world.settings.scopes]
    tiers = (await world.client.get("/v1/tiers")).json()
    assert tiers["items"] == [
        {"name": "Standard", "rate": 60, "burst": 100},
        {"name": "Professional", "rate": 300, "burst": 500},
        {"name": "Enterprise", "rate": 1000, "burst": 2000},
    ]


async def test_tenants(world: World) -> None:
    made = await world.client.post("/v1/tenants", json={"id": "acme", "name": " Acme "})
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/tenants/acme"
    assert (made.json()["name"], made.json()["home"]) == ("Acme", False)
    again = await world.client.post("/v1/tenants", json={"id": "acme", "name": "Acme"})
    assert (again.status_code, again.json()["code"]) == (409, "tenant_exists")
    renamed = await world.client.patch("/v1/tenants/acme", json={"name": "Acme 2"})
    assert renamed.json() == {**made.json(), "name": "Acme 2"}
    assert (await world.client.get("/v1/tenants/acme")).json() == renamed.json()
    trail = (await world.client.get("/v1/audit", params={"tenant": "acme"})).json()["items"]
    assert [row["action"] for row in trail] == ["tenant.update", "tenant.create"]
    assert trail[0]["detail"] == {"name": {"from": "Acme", "to": "Acme 2"}}
    assert (await world.client.get("/v1/tenants/none")).status_code == 404


async def test_tenant_pages(world: World) -> None:
    made = {await world.tenant() for _ in range(5)}
    first = (await world.client.get("/v1/tenants", params={"limit": "2"})).json()
    seen = [item["id"] for item in first["items"]]
    cursor = first["next_cursor"]
    while cursor:
        page = (await world.client.get("/v1/tenants", params={"limit": "2", "cursor": cursor})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert set(seen) >= made | {"home"}


async def test_the_trail_names_who_what_and_the_request(world: World) -> None:
    answer = await world.client.post(
        "/v1/keys", json={"name": "traced", "scopes": []}, headers={"X-Request-Id": "my-request.1"}
    )
    key = answer.json()["key"]
    operator = (await world.client.get("/v1/keys", params={"q": "Operator"})).json()["items"][0]
    trail = (await world.client.get("/v1/audit", params={"target": key["id"]})).json()
    (row,) = trail["items"]
    assert (row["actor"], row["action"], row["target"]) == (operator["id"], "key.create", key["id"])
    assert (row["tenant"], row["request_id"]) == ("home", "my-request.1")
    mine = await world.client.get("/v1/audit", params={"key": operator["id"], "action": "key.create"})
    assert row["id"] in {entry["id"] for entry in mine.json()["items"]}
    assert (await world.client.get("/v1/audit", params={"key": key["id"]})).json()["items"] == []


async def test_no_change_without_its_audit_row(world: World) -> None:
    key, _ = await world.issue()
    before = await world.stored()
    await world.connection.execute("ALTER TABLE audit ADD CONSTRAINT refused CHECK (id < 0) NOT VALID")
    try:
        for answer in (
            await world.client.post("/v1/keys", json={"name": "x", "scopes": []}),
            await world.client.patch(f"/v1/keys/{key['id']}", json={"name": "y"}),
            await world.client.post(f"/v1/keys/{key['id']}/rotate"),
            await world.client.post(f"/v1/keys/{key['id']}/revoke"),
            await world.client.post("/v1/tenants", json={"id": "unheard", "name": "of"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    finally:
        await world.connection.execute("ALTER TABLE audit DROP CONSTRAINT refused")
    assert await world.stored() == before
    assert (await world.client.get(f"/v1/keys/{key['id']}")).json() == key


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\uff1d1"])
async def test_csv_holds_no_formulas(world: World, name: str) -> None:
    tenant = await world.tenant()
    await world.issue(name=name, tenant=tenant)
    await world.issue(name='quoted "name", with comma', tenant=tenant)
    answer = await world.client.get("/v1/usage", params={"tenant": tenant}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["name"] for row in rows] == ['quoted "name", with comma', "'" + name]
    assert rows[0]["total_requests"] == "0"
    assert rows[0]["last_used_at"] == ""


async def test_usage_as_json_names_every_key(world: World) -> None:
    tenant = await world.tenant()
    key, _ = await world.issue(tenant=tenant)
    for accept in ("*/*", "application/json", "application/json, text/csv;q=0.5", "image/png"):
        answer = await world.client.get("/v1/usage", params={"tenant": tenant}, headers={"Accept": accept})
        assert answer.headers["vary"] == "Accept"
        assert answer.json() == {
            "items": [
                {
                    "key_id": key["id"],
                    "name": "a key",
                    "start": key["start"],
                    "last4": key["last4"],
                    "tier": "Standard",
                    "status": "active",
                    "last_used_at": None,
                    "total_requests": 0,
                    "requests_30d": 0,
                    "error_rate": None,
                }
            ],
            "next_cursor": None,
        }
