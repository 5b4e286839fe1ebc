"""The middleware, driven by raw ASGI messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import UserDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keystile import Gate
from keystile._core import Writer
from keystile.asgi import KeystileMiddleware
from tests.unit.gates import counted_gate, private_gate, put_counted, put_key

Headers = list[tuple[bytes, bytes]]


class App:
    """An application that notes its requests and answers each with a status, or fails."""

    def __init__(self, status: int = 200, *, fails: bool = False) -> None:
        self.status = status
        self.fails = fails
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if self.fails:
            raise RuntimeError("the application failed")
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": b"hello"})


async def request(app: Any, headers: Headers, **more: Any) -> tuple[list[Any], dict[bytes, bytes]]:
    """The messages that the application sends, and the headers of its answer."""
    sent: list[Any] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("192.0.2.1", 5), **more}

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent, dict(sent[0].get("headers", [])) if sent else {}


def bearer(secret: str) -> Headers:
    return [(b"authorization", f"Bearer {secret}".encode())]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


async def test_a_good_key_reaches_the_application(gate: Gate) -> None:
    app = App()
    key_id, secret = put_key(gate)
    sent, headers = await request(KeystileMiddleware(app, "PSA", gate=gate), bearer(secret))
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"hello"
    assert headers[b"x-app"] == b"1"
    assert headers[b"x-ratelimit-limit"] == b"60"
    assert headers[b"ratelimit"] == b'"standard";r=99;t=1'
    assert app.scopes[0]["state"]["keystile"].key_id == key_id


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([], 401, "missing_credentials"),
        ([(b"authorization", b"Basic eDp5")], 401, "malformed_key"),
        (bearer("tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"), 401, "unknown_key"),
        (bearer("x") * 2, 400, "multiple_credentials"),
    ],
)
async def test_refusals_are_problem_details(gate: Gate, headers: Headers, status: int, code: str) -> None:
    app = App()
    sent, answered = await request(KeystileMiddleware(app, "PSA", gate=gate), headers)
    body = json.loads(sent[1]["body"])
    assert app.scopes == []
    assert sent[0]["status"] == body["status"] == status
    assert body["code"] == code
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert answered[b"content-type"] == b"application/problem+json"
    assert answered[b"x-request-id"].decode() == body["request_id"]
    assert answered[b"ratelimit-policy"] == b'"unauthenticated";q=100;w=100'
    assert (b"www-authenticate" in answered) == (status == 401)


async def test_a_missing_scope_is_named(gate: Gate) -> None:
    _, secret = put_key(gate)
    sent, headers = await request(KeystileMiddleware(App(), "Books", gate=gate), bearer(secret))
    assert sent[0]["status"] == 403
    assert headers[b"www-authenticate"] == b'Bearer error="insufficient_scope", scope="Books"'
    assert "Books" in json.loads(sent[1]["body"])["detail"]


async def test_failures_are_limited_by_client_and_never_a_good_key(gate: Gate) -> None:
    guarded = KeystileMiddleware(App(), "PSA", gate=gate)
    _, secret = put_key(gate)
    statuses = [(await request(guarded, []))[0][0]["status"] for _ in range(120)]
    assert statuses[:100] == [401] * 100
    assert set(statuses[102:]) == {429}
    assert (await request(guarded, bearer(secret)))[0][0]["status"] == 200
    assert (await request(guarded, [], client=("192.0.2.2", 5)))[0][0]["status"] == 401


async def test_a_forwarded_address_counts_only_from_a_trusted_peer(gate: Gate) -> None:
    def forged(n: int) -> Headers:
        return [(b"x-forwarded-for", f"198.51.100.{n}".encode())]

    plain = KeystileMiddleware(App(), gate=gate)
    statuses = [(await request(plain, forged(n)))[0][0]["status"] for n in range(120)]
    assert statuses[-1] == 429
    behind = KeystileMiddleware(App(), gate=gate, trusted_proxies=["203.0.113.0/24"])
    statuses = [(await request(behind, forged(n), client=("203.0.113.9", 1)))[0][0]["status"] for n in range(120)]
    assert set(statuses) == {401}


async def test_preflights_pass_unchecked(gate: Gate) -> None:
    app = App()
    guarded = KeystileMiddleware(app, "PSA", gate=gate)
    preflight = [(b"access-control-request-method", b"GET")]
    sent, headers = await request(guarded, preflight, method="OPTIONS")
    assert sent[0]["status"] == 200
    assert b"x-ratelimit-limit" not in headers
    assert (await request(guarded, [], method="OPTIONS"))[0][0]["status"] == 401


async def test_websockets_are_checked_like_requests(gate: Gate) -> None:
    guarded = KeystileMiddleware(App(), "PSA", gate=gate)
    _, secret = put_key(gate)
    sent, headers = await request(guarded, bearer(secret), type="websocket")
    assert sent[0]["type"] == "websocket.accept"
    assert headers[b"x-ratelimit-limit"] == b"60"
    sent, _ = await request(guarded, [], type="websocket")
    assert sent == [{"type": "websocket.close", "code": 1008}]
    sent, _ = await request(guarded, [], type="websocket", extensions={"websocket.http.response": {}})
    assert sent[0]["type"] == "websocket.http.response.start"
    assert sent[0]["status"] == 401


async def test_without_a_gate_it_refuses(tmp_path: Path) -> None:
    guarded = KeystileMiddleware(App(), "PSA", segment=tmp_path / "gate")
    sent, headers = await request(guarded, bearer("x"))
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["code"] == "gate_stale"
    assert headers[b"retry-after"] == b"1"


async def test_a_failing_application_still_fails(gate: Gate) -> None:
    _, secret = put_key(gate)
    with pytest.raises(RuntimeError, match="the application failed"):
        await request(KeystileMiddleware(App(fails=True), "PSA", gate=gate), bearer(secret))


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """The writing side of a gate whose counters can be read."""
    made = counted_gate(tmp_path)
    yield made
    made.close()


async def counted(writer: Writer, app: Any, **more: Any) -> tuple[int, int, int]:
    """Requests, client errors and server errors that one request through the middleware adds to a key's counters."""
    gate, secret = writer.gate(), put_counted(writer)
    with contextlib.suppress(RuntimeError, asyncio.CancelledError):
        await request(KeystileMiddleware(app, "PSA", gate=gate), bearer(secret), **more)
    ((_, requests, client_errors, server_errors, *_),) = writer.drain()
    return requests, client_errors, server_errors


async def says(*messages: dict[str, Any]) -> Any:
    """An application that sends these messages."""

    async def app(_: Any, __: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


async def test_the_status_that_is_sent_is_the_one_that_counts(writer: Writer) -> None:
    async def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    async def fails_late(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise RuntimeError("the application failed")

    fine, client_error, server_error = (1, 0, 0), (1, 1, 0), (1, 0, 1)
    unset = {"type": "http.response.start"}
    refused = {"type": "websocket.http.response.start"}
    cases: list[tuple[Any, tuple[int, int, int], dict[str, Any]]] = [
        (App(200), fine, {}),
        (App(399), fine, {}),
        (App(400), client_error, {}),
        (App(404), client_error, {}),
        (App(500), server_error, {}),
        (App(fails=True), server_error, {}),
        (fails_late, fine, {}),
        (await says(unset), fine, {}),
        (await says(), server_error, {}),
        (cancelled, fine, {}),
        (App(), fine, {"type": "websocket"}),
        (await says({"type": "websocket.close"}), client_error, {"type": "websocket"}),
        (await says(refused), client_error, {"type": "websocket"}),
        (await says({"type": "websocket.accept"}, {"type": "websocket.close"}), fine, {"type": "websocket"}),
    ]
    for app, expected, more in cases:
        assert await counted(writer, app, **more) == expected


async def test_only_the_first_start_is_explained(gate: Gate) -> None:
    _, secret = put_key(gate)
    again = {"type": "http.response.start", "status": 200, "headers": ()}
    sent, headers = await request(KeystileMiddleware(await says(again, dict(again)), gate=gate), bearer(secret))
    assert headers[b"x-ratelimit-limit"] == b"60"
    assert sent[1]["headers"] == ()


@pytest.mark.parametrize("kind", [list, tuple, iter, None])
async def test_an_applications_own_headers_are_left_alone(gate: Gate, kind: Any) -> None:
    own = [(b"x-app", b"1")]
    _, secret = put_key(gate)
    for _ in range(2):
        message: dict[str, Any] = {"type": "http.response.start", "status": 200}
        if kind is not None:
            message["headers"] = own if kind is list else kind(own)
        sent, headers = await request(KeystileMiddleware(await says(message), gate=gate), bearer(secret))
        assert len(sent[0]["headers"]) == len(headers) == 5 + (kind is not None)
        assert own == [(b"x-app", b"1")]


async def test_any_mapping_may_be_a_message(gate: Gate) -> None:
    _, secret = put_key(gate)
    message: Any = UserDict({"type": "http.response.start", "status": 200})
    _, headers = await request(KeystileMiddleware(await says(message), gate=gate), bearer(secret))
    assert headers[b"x-ratelimit-limit"] == b"60"


async def test_lifespan_passes_through(gate: Gate) -> None:
    app = App()
    await request(KeystileMiddleware(app, "PSA", gate=gate), [], type="lifespan")
    assert app.scopes[0]["type"] == "lifespan"
