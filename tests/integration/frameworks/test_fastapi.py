"""The dependency inside real FastAPI applications: what they do around it, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.middleware.base import BaseHTTPMiddleware

from keystile import Decision, Gate
from keystile.asgi import KeystileMiddleware
from keystile.fastapi import KeystileDependencies, requires
from tests.integration.frameworks.calling import asgi, bearer
from tests.integration.frameworks.fastapi_application import fastapi_app
from tests.unit.gates import private_gate, put_key


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


async def test_the_document_names_the_scheme(gate: Gate) -> None:
    document = fastapi_app(gate).openapi()
    assert document["components"]["securitySchemes"]["Keystile"]["scheme"] == "bearer"
    assert document["paths"]["/tickets"]["get"]["security"] == [{"Keystile": []}]
    assert document["paths"]["/both"]["get"]["security"] == [{"Keystile": []}]
    assert "security" not in document["paths"]["/health"]["get"]


async def test_a_route_is_closed_while_the_middleware_is_missing(gate: Gate) -> None:
    app = FastAPI(dependencies=[Depends(requires("PSA"))])

    @app.get("/tickets")
    async def tickets() -> str:
        raise AssertionError("reached")

    _, secret = put_key(gate)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app", headers=dict(bearer(secret))) as client:
        with pytest.raises(TypeError, match="add_middleware"):
            await client.get("/tickets")


async def test_nothing_in_the_application_replaces_a_refusal(gate: Gate) -> None:
    app = fastapi_app()
    app.user_middleware.clear()

    async def passes_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    async def own(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse("own", 418)

    app.add_middleware(BaseHTTPMiddleware, dispatch=passes_on)
    app.add_middleware(KeystileDependencies, gate=gate)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passes_on)
    app.add_exception_handler(HTTPException, own)
    app.add_exception_handler(Exception, own)
    _, secret = put_key(gate)
    refused = await asgi(app)("/tickets", [])
    assert (refused.status, refused.headers["content-type"]) == (401, "application/problem+json")
    assert (await asgi(app)("/tickets", bearer(secret))).headers["x-ratelimit-limit"] == "60"


async def test_around_the_whole_application_failures_are_explained_too(gate: Gate) -> None:
    app = fastapi_app()
    app.user_middleware.clear()
    _, secret = put_key(gate)
    answer = await asgi(KeystileDependencies(app, gate=gate))("/fail", bearer(secret))
    assert answer.status == 500
    assert answer.headers["x-ratelimit-limit"] == "60"


async def test_without_a_gate_it_refuses(tmp_path: Path) -> None:
    call = asgi(fastapi_app(segment=tmp_path / "gate"))
    answer = await call("/tickets", [])
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert (await call("/health", [])).status == 200


async def test_websockets_are_checked_like_requests(gate: Gate) -> None:
    app = FastAPI()
    app.add_middleware(KeystileDependencies, gate=gate)

    @app.websocket("/live")
    async def live(socket: WebSocket, decision: Annotated[Decision, Depends(requires("PSA"))]) -> None:
        await socket.accept()
        await socket.send_text(str(decision.key_id))
        await socket.close()

    async def handshake(headers: list[tuple[bytes, bytes]]) -> list[Any]:
        sent: list[Any] = []
        scope = {"type": "websocket", "path": "/live", "query_string": b"", "headers": headers, "client": ("::1", 5)}

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent

    key_id, secret = put_key(gate)
    accepted, text, _ = await handshake([(b"authorization", f"Bearer {secret}".encode())])
    assert dict(accepted["headers"])[b"x-ratelimit-limit"] == b"60"
    assert text["text"] == key_id
    assert await handshake([]) == [{"type": "websocket.close", "code": 1008}]


async def test_the_middleware_for_a_whole_application_goes_before_the_body(gate: Gate) -> None:
    """What the documentation says of the choice between the two."""

    async def status(app: FastAPI) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            headers = {"content-type": "application/json"}
            return (await client.post("/tickets", content="{", headers=headers)).status_code

    by_route, whole = FastAPI(), FastAPI()
    by_route.add_middleware(KeystileDependencies, gate=gate)
    whole.add_middleware(KeystileMiddleware, scope="PSA", gate=gate)
    for app in (by_route, whole):

        @app.post("/tickets", dependencies=[Depends(requires("PSA"))] if app is by_route else [])
        async def tickets(body: dict[str, str]) -> None: ...

    assert await status(whole) == 401
    assert await status(by_route) == 422
