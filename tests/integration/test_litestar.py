"""The Litestar plugin in a real application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar, Request, Router, get, post

from keystile import Gate
from keystile.errors import UnknownScope
from keystile.litestar import PUBLIC, KeystilePlugin, requires_scope
from tests.unit.gates import private_gate, put_key


@get("/tickets", opt=requires_scope("PSA"))
async def tickets(request: Request) -> str:  # type: ignore[type-arg]
    return str(request.scope["state"]["keystile"].key_id)


@get("/anything")
async def anything() -> str:
    return "anything"


@get("/health", opt=PUBLIC)
async def health() -> str:
    return "fine"


@post("/deals")
async def deals() -> None:
    raise RuntimeError("the application failed")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


@pytest.fixture
async def client(gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    crm = Router("/crm", route_handlers=[deals], opt=requires_scope("CRM"))
    app = Litestar([tickets, anything, health, crm], plugins=[KeystilePlugin(gate=gate)], openapi_config=None)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as made:
        yield made


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_routes_ask_for_their_own_scope(gate: Gate, client: httpx.AsyncClient) -> None:
    key_id, psa = put_key(gate, scopes=["PSA"])
    _, crm = put_key(gate, scopes=["CRM"])
    _, none = put_key(gate, scopes=[])
    answer = await client.get("/tickets", headers=bearer(psa))
    assert (answer.status_code, answer.text) == (200, key_id)
    assert answer.headers["ratelimit"] == '"standard";r=99;t=1'
    statuses = {
        "another scope": (await client.get("/tickets", headers=bearer(crm))).status_code,
        "any scope": (await client.get("/anything", headers=bearer(crm))).status_code,
        "no scope": (await client.get("/anything", headers=bearer(none))).status_code,
        "no key": (await client.get("/anything")).status_code,
        "public": (await client.get("/health")).status_code,
        "by router": (await client.post("/crm/deals", headers=bearer(psa))).status_code,
    }
    assert statuses == {
        "another scope": 403,
        "any scope": 200,
        "no scope": 403,
        "no key": 401,
        "public": 200,
        "by router": 403,
    }


async def test_an_answer_of_the_framework_carries_the_headers_too(gate: Gate, client: httpx.AsyncClient) -> None:
    _, crm = put_key(gate, scopes=["CRM"])
    answer = await client.post("/crm/deals", headers=bearer(crm))
    assert answer.status_code == 500
    assert answer.headers["x-ratelimit-limit"] == "60"


async def test_a_misspelt_scope_is_told_when_the_gate_is_known(gate: Gate) -> None:
    with pytest.raises(UnknownScope):
        Litestar([anything], plugins=[KeystilePlugin("Nonsense", gate=gate)])
