"""The Litestar plugin in a real application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, Router, get, post
from litestar.exceptions import LitestarException, NotFoundException
from litestar.middleware import ASGIMiddleware
from litestar.response import Stream
from litestar.types import ASGIApp, Receive, Scope, Send

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


class Odd(Exception):
    """What a handler of the application knows how to answer."""


@get("/odd", exception_handlers={Odd: lambda *_: Response("odd", status_code=418)})
async def odd() -> None:
    raise Odd


@get("/nothing")
async def nothing() -> None:
    raise NotFoundException


@get("/stream")
async def stream() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a part"
        raise Odd

    return Stream(parts())


class Marking(ASGIMiddleware):
    """Some other middleware of the application."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Mark the request."""
        scope["state"]["marked"] = True
        await next_app(scope, receive, send)


@pytest.mark.parametrize("middleware", [[], [Marking()]])
async def test_errors_are_answered_as_the_application_says(gate: Gate, middleware: list[Any]) -> None:
    failures: list[Exception] = []

    async def note(error: Exception, _: Scope) -> None:
        failures.append(error)

    app = Litestar(
        [odd, nothing, deals],
        plugins=[KeystilePlugin(gate=gate)],
        middleware=middleware,
        after_exception=[note],
        openapi_config=None,
    )
    _, secret = put_key(gate)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://app", headers=bearer(secret)) as client:
        answers = [await client.get("/odd"), await client.get("/nothing"), await client.post("/deals")]
    assert [answer.status_code for answer in answers] == [418, 404, 500]
    assert answers[0].text == "odd"
    assert all(answer.headers["x-ratelimit-limit"] == "60" for answer in answers)
    assert [type(error) for error in failures] == [Odd, NotFoundException, RuntimeError]


async def test_an_answer_that_breaks_off_is_not_answered_again(gate: Gate) -> None:
    app = Litestar([stream], plugins=[KeystilePlugin(gate=gate)], openapi_config=None)
    _, secret = put_key(gate)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://app", headers=bearer(secret)) as client:
        with pytest.raises(LitestarException, match="after response started"):
            await client.get("/stream")


async def test_a_misspelt_scope_is_told_when_the_gate_is_known(gate: Gate) -> None:
    with pytest.raises(UnknownScope):
        Litestar([anything], plugins=[KeystilePlugin("Nonsense", gate=gate)])
