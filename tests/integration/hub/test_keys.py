"""The key calls: issuing, reading, changing, rotating and revoking."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from world import World

PUBLIC_FIELDS = {
    "id",
    "tenant",
    "name",
    "start",
    "last4",
    "scopes",
    "tier",
    "status",
    "created_at",
    "created_by",
    "expires_at",
    "revoked_at",
    "revoked_reason",
    "disabled",
    "rotated_at",
    "previous_secret_expires_at",
    "note",
}


async def test_a_new_key_is_shown_once_and_works_at_once(world: World) -> None:
    answer = await world.client.post("/v1/keys", json={"name": "  sync  ", "scopes": ["PSA", "CRM"]})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    key, secret = answer.json()["key"], answer.json()["secret"]
    assert set(key) == PUBLIC_FIELDS
    assert (key["name"], key["scopes"], key["tier"]) == ("sync", ["PSA", "CRM"], "Standard")
    assert (key["tenant"], key["status"], key["start"], key["last4"]) == (
        "home",
        "active",
        secret[:8],
        secret[-4:],
    )
    assert answer.headers["location"] == f"/v1/keys/{key['id']}"
    assert await world.decide(secret, "CRM") == (200, "ok")
    assert await world.decide(secret, "Books") == (403, "insufficient_scope")


async def test_a_secret_is_nowhere_but_in_its_answer(world: World) -> None:
    key, secret = await world.issue()
    middle = secret[8:-4]
    for path in (f"/v1/keys/{key['id']}", "/v1/keys", "/v1/audit", "/v1/usage", "/metrics"):
        assert middle not in (await world.client.get(path)).text
    for table in ("keys", "audit", "changes"):
        rows = await world.connection.fetch(f"SELECT t::text AS row FROM {table} t")
        assert not any(middle in row["row"] for row in rows)


async def test_all_fields_of_a_new_key(world: World) -> None:
    tenant = await world.tenant()
    key, _ = await world.issue(
        name="\u202e\u05d8\u05e7\u05e1\u05d8 <img onerror=x>",
        scopes=[],
        tier="Enterprise",
        expires_at="2099-01-01T00:00:00+02:00",
        note="two\nlines",
        tenant=tenant,
    )
    assert key["name"] == "\u202e\u05d8\u05e7\u05e1\u05d8 <img onerror=x>"
    assert (key["tenant"], key["scopes"], key["tier"]) == (tenant, [], "Enterprise")
    assert (key["expires_at"], key["note"]) == ("2098-12-31T22:00:00Z", "two\nlines")


async def test_pages_show_every_key_once(world: World) -> None:
    tenant = await world.tenant()
    issued = {(await world.issue(tenant=tenant, name=f"key {number}"))[0]["id"] for number in range(7)}
    for sort in ("created_at", "-created_at", "name", "-last_used_at", "expires_at", "-total_requests"):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = {"tenant": tenant, "limit": "3", "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = (await world.client.get("/v1/keys", params=query)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == 7, sort
        assert set(seen) == issued


async def test_filters(world: World) -> None:
    tenant = await world.tenant()
    one, _ = await world.issue(tenant=tenant, name="Alpha", scopes=["Voice"], tier="Professional")
    two, _ = await world.issue(tenant=tenant, name="beta 100%", scopes=["CRM"])
    await world.client.patch(f"/v1/keys/{two['id']}", json={"disabled": True})

    async def found(**query: str) -> list[str]:
        answer = await world.client.get("/v1/keys", params={"tenant": tenant, "sort": "created_at", **query})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await found() == [one["id"], two["id"]]
    assert await found(status="disabled") == [two["id"]]
    assert await found(scope="Voice") == [one["id"]]
    assert await found(tier="Standard") == [two["id"]]
    assert await found(q="ALPHA") == [one["id"]]
    assert await found(q="100%") == [two["id"]]
    assert await found(q="%") == [two["id"]]
    assert await found(q="null") == []


async def test_listed_keys_carry_their_usage(world: World) -> None:
    key, secret = await world.issue(tenant=await world.tenant())
    await world.decide(secret)
    await world.decide(secret, "CRM")
    for _ in range(100):
        page = (await world.client.get("/v1/keys", params={"tenant": key["tenant"]})).json()
        usage = page["items"][0]["usage"]
        if usage["total_requests"] == 2:
            break
        await asyncio.sleep(0.05)
    assert usage["requests_30d"] == 2
    assert usage["error_rate"] == 50.0
    assert usage["last_used_at"] is not None
    report = (await world.client.get(f"/v1/keys/{key['id']}/usage", params={"days": "3"})).json()
    assert (report["total_requests"], len(report["daily"]), len(report["hourly"])) == (2, 3, 48)
    assert report["denied"]["insufficient_scope"] == 1
    assert report["daily"][-1]["client_errors"] == 1


async def test_patch_tells_absent_from_null(world: World) -> None:
    key, _ = await world.issue(note="a note", expires_at="2099-01-01T00:00:00Z")
    path = f"/v1/keys/{key['id']}"
    renamed = (await world.client.patch(path, json={"name": "new"})).json()
    assert renamed == {**key, "name": "new"}
    cleared = (await world.client.patch(path, json={"note": None, "expires_at": None})).json()
    assert cleared == {**renamed, "note": None, "expires_at": None}
    assert (await world.client.patch(path, json={})).json() == cleared


async def test_patch_is_effective_at_once(world: World) -> None:
    key, secret = await world.issue()
    path = f"/v1/keys/{key['id']}"
    await world.client.patch(path, json={"scopes": ["CRM"]})
    assert await world.decide(secret, "PSA") == (403, "insufficient_scope")
    await world.client.patch(path, json={"disabled": True})
    assert await world.decide(secret, "CRM") == (401, "disabled_key")
    await world.client.patch(path, json={"disabled": False, "tier": "Enterprise"})
    answer = await world.client.get("/v1/authz", headers={"Authorization": f"Bearer {secret}"})
    assert answer.headers["x-keystile-tier"] == "Enterprise"
    assert answer.headers["x-ratelimit-limit"] == "1000"


async def test_patch_leaves_an_audit_row_only_for_a_change(world: World) -> None:
    key, _ = await world.issue(name="before")
    path = f"/v1/keys/{key['id']}"
    before = await world.stored()
    await world.client.patch(path, json={"name": "before", "scopes": ["PSA"]})
    assert await world.stored() == before
    await world.client.patch(path, json={"name": "after", "disabled": False})
    trail = (await world.client.get("/v1/audit", params={"target": key["id"]})).json()["items"]
    assert [row["action"] for row in trail] == ["key.update", "key.create"]
    assert trail[0]["detail"] == {"name": {"from": "before", "to": "after"}}


async def test_rotation_with_overlap_keeps_both_secrets(world: World) -> None:
    key, old = await world.issue()
    answer = await world.client.post(f"/v1/keys/{key['id']}/rotate", json={"overlap_seconds": 60})
    assert answer.status_code == 200
    new = answer.json()["secret"]
    rotated = answer.json()["key"]
    assert (rotated["id"], rotated["start"], rotated["last4"]) == (key["id"], new[:8], new[-4:])
    end = datetime.fromisoformat(rotated["previous_secret_expires_at"])
    assert timedelta(seconds=50) < end - datetime.now(UTC) <= timedelta(seconds=60)
    assert await world.decide(old) == (200, "ok")
    assert await world.decide(new) == (200, "ok")
    await world.client.post(f"/v1/keys/{key['id']}/revoke")
    assert await world.decide(old) == (401, "revoked_key")
    assert await world.decide(new) == (401, "revoked_key")


async def test_rotation_defaults_to_a_day_and_zero_ends_the_old_at_once(world: World) -> None:
    key, old = await world.issue()
    path = f"/v1/keys/{key['id']}/rotate"
    first = (await world.client.post(path)).json()
    end = datetime.fromisoformat(first["key"]["previous_secret_expires_at"])
    assert abs(end - datetime.now(UTC) - timedelta(days=1)) < timedelta(seconds=10)
    second = (await world.client.post(path, json={"overlap_seconds": 0})).json()
    assert second["key"]["previous_secret_expires_at"] is None
    for dead in (old, first["secret"]):
        assert await world.decide(dead) == (401, "unknown_key")
    assert await world.decide(second["secret"]) == (200, "ok")


async def test_an_overlap_never_outlives_the_key(world: World) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=5)
    key, _ = await world.issue(expires_at=ends.isoformat())
    rotated = (await world.client.post(f"/v1/keys/{key['id']}/rotate")).json()["key"]
    assert datetime.fromisoformat(rotated["previous_secret_expires_at"]) <= ends


async def test_what_is_not_active_cannot_be_rotated(world: World) -> None:
    revoked, _ = await world.issue()
    await world.client.post(f"/v1/keys/{revoked['id']}/revoke")
    disabled, _ = await world.issue()
    await world.client.patch(f"/v1/keys/{disabled['id']}", json={"disabled": True})
    expired, _ = await world.issue()
    await world.connection.execute("UPDATE keys SET expires_at = now() WHERE id = $1", expired["id"])
    for key, code in ((revoked, "key_revoked"), (disabled, "key_disabled"), (expired, "key_expired")):
        answer = await world.client.post(f"/v1/keys/{key['id']}/rotate")
        assert (answer.status_code, answer.json()["code"]) == (409, code)


async def test_a_revoked_key_is_final(world: World) -> None:
    key, secret = await world.issue()
    path = f"/v1/keys/{key['id']}"
    first = await world.client.post(f"{path}/revoke", json={"reason": " leaked "})
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["revoked_reason"]) == ("revoked", "leaked")
    assert await world.decide(secret) == (401, "revoked_key")
    before = await world.stored()
    again = await world.client.post(f"{path}/revoke", json={"reason": "another"})
    assert (again.status_code, again.json()) == (200, first.json())
    for change in ({"name": "x"}, {"disabled": False}, {"expires_at": None}, {}):
        answer = await world.client.patch(path, json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "key_revoked")
    assert await world.stored() == before


async def test_an_expired_key_can_be_given_more_life(world: World) -> None:
    key, secret = await world.issue()
    await world.connection.execute("UPDATE keys SET expires_at = now() WHERE id = $1", key["id"])
    for _ in range(100):
        if await world.decide(secret) == (401, "expired_key"):
            break
        await asyncio.sleep(0.02)
    assert (await world.client.get(f"/v1/keys/{key['id']}")).json()["status"] == "expired"
    await world.client.patch(f"/v1/keys/{key['id']}", json={"expires_at": "2099-01-01T00:00:00Z"})
    assert await world.decide(secret) == (200, "ok")


async def test_requests_at_once_for_one_key_do_not_deadlock(world: World) -> None:
    key, _ = await world.issue()
    path = f"/v1/keys/{key['id']}"
    rotated = await asyncio.gather(*(world.client.post(f"{path}/rotate") for _ in range(6)))
    assert [answer.status_code for answer in rotated] == [200] * 6
    revoked = await asyncio.gather(*(world.client.post(f"{path}/revoke") for _ in range(6)))
    assert [answer.status_code for answer in revoked] == [200] * 6
    trail = (await world.client.get("/v1/audit", params={"target": key["id"], "action": "key.revoke"})).json()
    assert len(trail["items"]) == 1


async def test_a_key_may_rotate_itself_even_twice_at_once(world: World) -> None:
    key, secret = await world.issue(scopes=["Hub"])
    async with world.client_of(secret) as itself:
        path = f"/v1/keys/{key['id']}/rotate"
        answers = await asyncio.gather(itself.post(path), itself.post(path))
    assert [answer.status_code for answer in answers] == [200, 200]
