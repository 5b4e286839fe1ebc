"""Forward authentication and verification over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from world import World

from keystile.problems import PROBLEMS, problem

LIMIT_HEADERS = {
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit-policy",
    "ratelimit",
}


async def ask(world: World, query: str = "?scope=PSA", *, method: str = "GET", path: str = "", **kw: Any) -> Any:
    """Ask forward authentication without the operator's key."""
    async with world.client_of(None) as client:
        return await client.request(method, f"/v1/authz{path}{query}", **kw)


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a secret."""
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
async def test_any_method_and_path_passes_with_a_good_key(world: World, method: str) -> None:
    key, secret = await world.issue(scopes=["PSA", "CRM"])
    for path in ("", "/", "/any/where"):
        answer = await ask(world, method=method, path=path, headers=bearer(secret))
        assert answer.status_code == 200
        assert answer.headers["x-keystile-key-id"] == key["id"]
        assert answer.headers["x-keystile-tenant"] == "home"
        assert answer.headers["x-keystile-tier"] == "Standard"
        assert answer.headers["x-keystile-scopes"] == "PSA,CRM"
        assert set(answer.headers) >= LIMIT_HEADERS


async def test_without_a_scope_any_scope_will_do(world: World) -> None:
    _, secret = await world.issue(scopes=["CRM"])
    assert (await ask(world, "", headers=bearer(secret))).status_code == 200
    _, bare = await world.issue(scopes=[])
    nowhere = await ask(world, "", headers=bearer(bare))
    assert (nowhere.status_code, nowhere.json()["code"]) == (403, "insufficient_scope")
    assert nowhere.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    refused = await ask(world, headers=bearer(secret))
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="PSA"'
    assert "x-keystile-key-id" not in refused.headers


async def test_a_scope_in_the_path_is_the_only_one_whatever_the_client_asks_for(world: World) -> None:
    _, psa = await world.issue(scopes=["PSA"])
    _, crm = await world.issue(scopes=["CRM"])
    for behind in (
        "",
        "/",
        "/any/where",
        "/?page=2&page=3",
        "?scope=CRM",
        "/:CRM?scope=CRM",
        "//authz:CRM",
        "/%2F..?%",
    ):
        passed = await ask(world, "", path=f":PSA{behind}", headers=bearer(psa))
        assert passed.status_code == 200, behind
        refused = await ask(world, "", path=f":PSA{behind}", headers=bearer(crm))
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope"), behind
    for path in (":", ":/PSA", ":psa", ":PSAx", ":PSA*", ":PSA,CRM", ":PSA&scope=CRM"):
        answer = await ask(world, "", path=path, headers=bearer(psa))
        assert (answer.status_code, answer.json()["code"] in {"unknown_scope", "bad_request"}) == (400, True), path
    assert (await ask(world, "", path="x:PSA", headers=bearer(psa))).status_code == 403  # one of the API's paths


async def test_a_refusal_stands_in_a_header_too(world: World) -> None:
    _, secret = await world.issue(scopes=["CRM"])
    for query in ("?scope=PSA", "?scope=Nope", "?page=2"):
        answer = await ask(world, query, headers=bearer(secret))
        assert answer.headers["x-keystile-problem"] == answer.text
        assert answer.text.isascii()
    passed = await ask(world, "", headers=bearer(secret))
    assert (passed.status_code, "x-keystile-problem" in passed.headers) == (200, False)
    assert all(problem(code).isascii() for code in PROBLEMS)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?scope=psa", "unknown_scope"),
        ("?scope=Nope", "unknown_scope"),
        ("?scope=", "unknown_scope"),
        ("?scope=PSA%00", "unknown_scope"),
        ("?scope=%ff", "bad_request"),
        ("?scope=PSA&scope=PSA", "bad_request"),
        ("?scope=PSA&scope=CRM", "bad_request"),
        ("?scope=PSA&tenant=home", "bad_request"),
        ("?scpoe=PSA", "bad_request"),
        ("?key=tos_0000000000000000000000105PGE", "bad_request"),
    ],
)
async def test_a_bad_question_is_not_decided(world: World, query: str, code: str) -> None:
    _, secret = await world.issue()
    answer = await ask(world, query, headers=bearer(secret))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert "tos_" not in answer.text
    allowed = await ask(world, headers=bearer(secret))
    assert allowed.headers["ratelimit"].startswith('"standard";r=99;'), "nothing was taken from the bucket"


async def test_the_scope_may_be_percent_encoded(world: World) -> None:
    _, secret = await world.issue()
    assert (await ask(world, "?scope=%50SA", headers=bearer(secret))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([], 401, "missing_credentials"),
        ([("Authorization", "Bearer tos_0000000000000000000000105PGE")], 401, "unknown_key"),
        ([("Authorization", "Bearer tos_0000000000000000000000105PGF")], 401, "malformed_key"),
        ([("Authorization", "Basic dXNlcjpwYXNz")], 401, "malformed_key"),
        ([("Authorization", "Bearer  tos_0000000000000000000000105PGE")], 401, "malformed_key"),
        ([("Authorization", "Bearer \xff\xfe")], 401, "malformed_key"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], 400, "multiple_credentials"),
        ([("Authorization", "Bearer " + "x" * 32_768)], 401, "malformed_key"),
    ],
)
async def test_refusals_are_problems(world: World, headers: list[tuple[str, str]], status: int, code: str) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    answer = await ask(world, headers=raw)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "request_id"}
    assert (body["code"], body["status"]) == (code, status)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert set(answer.headers) >= LIMIT_HEADERS
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_an_empty_bucket_refuses_until_it_says(world: World) -> None:
    _, secret = await world.issue()
    async with world.client_of(secret) as client:
        answers = [await client.get("/v1/authz?scope=PSA") for _ in range(102)]
    refused = answers[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) == 1
    assert refused.headers["x-ratelimit-remaining"] == "0"


async def test_the_body_belongs_to_the_product(world: World) -> None:
    _, secret = await world.issue()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {secret}".encode()), (b"content-length", b"999999999")]
    scope = {"type": "http", "method": "POST", "path": "/v1/authz", "query_string": b"", "headers": headers}
    await world.app({**scope, "client": ("127.0.0.1", 1)}, receive, send)
    assert sent[0]["status"] == 200


async def test_verify_says_it_all(world: World) -> None:
    key, secret = await world.issue(scopes=["PSA", "CRM"])
    async with world.client_of(None) as client:
        answer = await client.post("/v1/verify", json={"key": secret, "scope": "CRM", "cost": 10})
    assert answer.status_code == 200
    assert set(answer.headers) >= LIMIT_HEADERS
    verdict = answer.json()
    assert verdict.pop("reset_at") > 1_700_000_000
    assert verdict == {
        "allowed": True,
        "status": 200,
        "code": "ok",
        "key_id": key["id"],
        "tenant": "home",
        "tier": "Standard",
        "scopes": ["PSA", "CRM"],
        "limit": 60,
        "remaining": 60,
        "retry_after": None,
    }
    assert answer.headers["ratelimit"].startswith('"standard";r=90;')


async def test_verify_answers_200_whatever_the_verdict(world: World) -> None:
    key, secret = await world.issue()
    await world.client.post(f"/v1/keys/{key['id']}/revoke")
    cases = {
        secret: (401, "revoked_key", key["id"]),
        "tos_0000000000000000000000105PGE": (401, "unknown_key", None),
        "": (401, "malformed_key", None),
        "\u202e\x00🔑": (401, "malformed_key", None),
    }
    async with world.client_of(None) as client:
        for shown, (status, code, key_id) in cases.items():
            answer = await client.post("/v1/verify", json={"key": shown, "scope": "PSA"})
            verdict = answer.json()
            assert (answer.status_code, verdict["allowed"]) == (200, False)
            assert (verdict["status"], verdict["code"], verdict["key_id"]) == (status, code, key_id)
            assert "www-authenticate" not in answer.headers


async def test_verifications_count_like_any_check(world: World) -> None:
    key, secret = await world.issue()
    async with world.client_of(None) as client:
        for scope in ("PSA", "PSA", "CRM"):
            await client.post("/v1/verify", json={"key": secret, "scope": scope, "cost": 3})
    for _ in range(100):
        report = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
        if report["total_requests"] == 3:
            break
        await asyncio.sleep(0.05)
    assert report["total_requests"] == 3
    assert report["denied"]["insufficient_scope"] == 1
    assert report["error_rate"] == 33.33
