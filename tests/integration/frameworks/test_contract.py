"""What a gate promises, kept in every framework."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystile import Gate, mint
from keystile._core import Writer
from tests.integration.frameworks.applications import APPLICATIONS, BY_ROUTE
from tests.integration.frameworks.calling import Headers, bearer
from tests.unit.gates import counted_gate, private_gate, put_counted, put_key

every = pytest.mark.parametrize("name", APPLICATIONS)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = counted_gate(tmp_path, [("Standard", 60, 100), ("Hasty", 120, 1)])
    yield made
    made.close()


@every
async def test_a_good_key_passes_and_is_known(gate: Gate, name: str) -> None:
    key_id, secret = put_key(gate)
    answer = await APPLICATIONS[name](gate)("/tickets", bearer(secret))
    assert (answer.status, answer.body.decode().strip('"')) == (200, key_id)
    assert answer.headers["ratelimit"] == '"standard";r=99;t=1'
    assert answer.headers["x-ratelimit-limit"] == "60"


@every
async def test_refusals_are_problem_details(gate: Gate, name: str) -> None:
    call = APPLICATIONS[name](gate)
    revoked_id, revoked = put_key(gate)
    gate.revoke(revoked_id)
    _, other = put_key(gate, scopes=["CRM"])
    cases: list[tuple[Headers, int, str]] = [
        ([], 401, "missing_credentials"),
        (bearer(mint()), 401, "unknown_key"),
        (bearer(revoked), 401, "revoked_key"),
        (bearer(other), 403, "insufficient_scope"),
    ]
    for headers, status, code in cases:
        answer = await call("/tickets", headers)
        body = json.loads(answer.body)
        assert (answer.status, body["status"], body["code"]) == (status, status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"] == body["request_id"]
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "ratelimit-policy" in answer.headers


async def test_who_waits_for_retry_after_gets_through(writer: Writer) -> None:
    async def waits(name: str) -> None:
        call, secret = APPLICATIONS[name](writer.gate()), put_counted(writer, tier="Hasty")
        assert (await call("/tickets", bearer(secret))).status == 200, name
        refused = await call("/tickets", bearer(secret))
        assert (refused.status, json.loads(refused.body)["code"]) == (429, "rate_limited"), name
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await call("/tickets", bearer(secret))).status == 200, name

    await asyncio.gather(*map(waits, APPLICATIONS))


@every
async def test_the_status_that_is_sent_is_the_one_that_counts(writer: Writer, name: str) -> None:
    call = APPLICATIONS[name](writer.gate())
    secret, lacking = put_counted(writer), put_counted(writer, scopes=["CRM"])
    routes = ["/tickets", "/missing", "/fail"]
    assert [(await call(path, bearer(secret))).status for path in routes] == [200, 404, 500]
    assert (await call("/tickets", bearer(lacking))).status == 403
    counts = sorted(counts[1:4] for counts in writer.drain())
    assert counts == [(1, 1, 0), (3, 1, 1)]


@pytest.mark.parametrize("name", ["flask", "django-wsgi", "django-asgi", "litestar"])
async def test_an_answer_to_a_failure_is_explained_too(gate: Gate, name: str) -> None:
    _, secret = put_key(gate)
    for path, status in (("/missing", 404), ("/fail", 500)):
        answer = await APPLICATIONS[name](gate)(path, bearer(secret))
        assert answer.status == status
        assert answer.headers["x-ratelimit-limit"] == "60"


def hostile(secret: str, other: str) -> dict[str, Headers]:
    """Credentials that must be refused, though each has a good key in it."""
    good = f"Bearer {secret}"
    values = {
        "joined": f"{good}, Bearer {other}",
        "tab": f"Bearer\t{secret}",
        "two spaces": f"Bearer  {secret}",
        "no space": f"Bearer{secret}",
        "nothing": "",
        "no key": "Bearer",
        "no key but a space": "Bearer ",
        "space after": f"{good} ",
        "line end": f"{good}\n",
        "carriage return": f"{good}\r\nX-More: 1",
        "nul": f"{good}\0",
        "escaped nul": f"{good}%00",
        "escaped": f"Bearer {secret.replace('_', '%5F')}",
        "high bytes": f"{good}\x80\xff",
        "high bytes within": f"Bearer {secret[:10]}\xe9{secret[11:]}",
        "basic": f"Basic {secret}",
        "very long": f"{good}{'x' * 32_768}",
    }
    return {
        **{name: [("authorization", value)] for name, value in values.items()},
        "twice the same": bearer(secret) * 2,
        "two good ones": [*bearer(secret), *bearer(other)],
        "a good one first": [*bearer(secret), ("authorization", "Bearer x")],
        "a good one last": [("authorization", "Bearer x"), *bearer(secret)],
        "an empty one first": [("authorization", ""), *bearer(secret)],
        "elsewhere": [("cookie", f"key={secret}"), ("x-api-key", secret), ("proxy-authorization", good)],
    }


@every
async def test_hostile_credentials_are_refused(gate: Gate, name: str, caplog: pytest.LogCaptureFixture) -> None:
    (_, secret), (_, other) = put_key(gate), put_key(gate)
    call = APPLICATIONS[name](gate)
    answers = {what: await call("/tickets", headers) for what, headers in hostile(secret, other).items()}
    assert {what: answer.status for what, answer in answers.items() if answer.status not in {400, 401}} == {}
    assert all(json.loads(answer.body)["code"] for answer in answers.values())
    assert (
        (await call("/tickets", [("authorization", f"bEARER {secret}")]))
        .headers["ratelimit"]
        .startswith('"standard";r=99')
    )
    assert secret not in caplog.text


@pytest.mark.parametrize("name", BY_ROUTE)
async def test_a_request_is_asked_about_once(writer: Writer, name: str) -> None:
    call = APPLICATIONS[name](writer.gate())
    one, two = put_counted(writer), put_counted(writer, scopes=["PSA", "CRM"])
    passed = await call("/both", bearer(two))
    assert (passed.status, passed.headers["ratelimit"]) == (200, '"standard";r=99;t=1')
    refused = await call("/both", bearer(one))
    assert (refused.status, json.loads(refused.body)["code"]) == (403, "insufficient_scope")
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="CRM"'
    assert refused.headers["x-ratelimit-limit"] == "60"
    assert sorted(counts[1:4] for counts in writer.drain()) == [(1, 0, 0), (1, 1, 0)]


@pytest.mark.parametrize("name", BY_ROUTE)
async def test_open_routes_are_not_asked_about(gate: Gate, name: str) -> None:
    answer = await APPLICATIONS[name](gate)("/health", [])
    assert answer.status == 200
    assert "ratelimit" not in answer.headers


@pytest.mark.parametrize("name", BY_ROUTE)
async def test_a_preflight_never_reaches_a_route_unchecked(gate: Gate, name: str) -> None:
    preflight = [("access-control-request-method", "GET"), ("origin", "https://a.example")]
    answer = await APPLICATIONS[name](gate)("/tickets", preflight, method="OPTIONS")
    # 204 is Litestar's own answer to OPTIONS; none of them is the route's.
    assert answer.status in {401, 405, 204}
    assert answer.body == b"" or answer.status != 204


@every
async def test_failures_are_limited_by_client_and_never_a_good_key(gate: Gate, name: str) -> None:
    call, (_, secret) = APPLICATIONS[name](gate), put_key(gate)
    statuses = [(await call("/tickets", [])).status for _ in range(110)]
    assert statuses[:100] == [401] * 100
    assert statuses[-1] == 429
    assert (await call("/tickets", bearer(secret))).status == 200
    assert (await call("/tickets", [], peer="192.0.2.2")).status == 401
