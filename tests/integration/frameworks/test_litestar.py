"""The guard in Litestar's own idiom, and what the plugin tells of itself in the application's document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, MediaType, Response, Router, get, websocket
from litestar.connection import WebSocket
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from keystile import Gate
from keystile.litestar import PUBLIC, KeystilePlugin, requires_scope, scope_guard
from tests.integration.frameworks.calling import asgi, bearer
from tests.integration.frameworks.litestar_application import litestar_app
from tests.unit.gates import private_gate, put_key


@get("/plain", sync_to_thread=False)
def plain() -> str:
    return "plain"


@get("/open", opt=PUBLIC, sync_to_thread=False)
def open_to_all() -> str:
    return "open"


@get("/own", guards=[scope_guard("Books")], sync_to_thread=False)
def own() -> str:
    return "own"


@get("/also", opt=requires_scope("PSA"), guards=[scope_guard("CRM")], sync_to_thread=False)
def also() -> str:
    return "also"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


def guarded_app(gate: Gate, **more: Any) -> Litestar:
    """Routes below a router with a guard, and one beside it."""
    crm = Router("/crm", route_handlers=[open_to_all, own], guards=[scope_guard("CRM")])
    plugin = KeystilePlugin("RMM", gate=gate)
    return Litestar([crm, plain, also, open_to_all], plugins=[plugin], logging_config=None, **more)


async def test_a_guard_asks_for_its_scope_instead_of_the_plugins(gate: Gate) -> None:
    call = asgi(guarded_app(gate))
    keys = {scopes: bearer(put_key(gate, scopes=scopes.split())[1]) for scopes in ("RMM", "CRM", "CRM Books", "PSA")}
    cases = [("/plain", "RMM", 200), ("/plain", "CRM", 403), ("/crm/own", "CRM Books", 200), ("/crm/own", "CRM", 403)]
    cases += [("/also", "PSA", 403), ("/also", "CRM", 403), ("/open", "PSA", 200)]
    assert [(path, held, (await call(path, keys[held])).status) for path, held, _ in cases] == cases
    assert (await call("/open", [])).status == 200


async def test_a_public_route_below_a_guard_is_not_public(gate: Gate) -> None:
    call, (_, secret) = asgi(guarded_app(gate)), put_key(gate, scopes=["CRM"])
    assert (await call("/crm/open", [])).status == 401
    assert (await call("/crm/open", bearer(secret))).status == 200


async def test_nothing_in_the_application_replaces_a_refusal(gate: Gate) -> None:
    def handled(*_: object) -> Response[str]:
        return Response("handled", status_code=418, media_type=MediaType.TEXT)

    app = guarded_app(gate, exception_handlers={403: handled, 500: handled, HTTPException: handled, Exception: handled})
    _, secret = put_key(gate, scopes=["CRM"])
    answer = await asgi(app)("/crm/own", bearer(secret))
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(answer.body)["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["ratelimit"] == '"standard";r=99;t=1'


async def test_a_guarded_route_is_closed_while_the_plugin_is_missing(gate: Gate) -> None:
    _, secret = put_key(gate, scopes=["Books"])
    answer = await asgi(Litestar([own], logging_config=None))("/own", bearer(secret))
    assert answer.status == 500


async def test_a_guard_keeps_a_websocket_closed(gate: Gate) -> None:
    @websocket("/live", guards=[scope_guard("PSA"), scope_guard("CRM")])
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.close()

    app = Litestar([live], plugins=[KeystilePlugin(gate=gate)], logging_config=None)

    async def handshake(headers: list[tuple[str, str]]) -> str:
        raw = [(name.encode(), value.encode()) for name, value in headers]
        scope: Any = {"type": "websocket", "path": "/live", "query_string": b"", "headers": raw, "client": ("::1", 5)}
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return str(sent[0]["type"])

    both, one = put_key(gate, scopes=["PSA", "CRM"])[1], put_key(gate, scopes=["PSA"])[1]
    assert await handshake(bearer(both)) == "websocket.accept"
    assert await handshake(bearer(one)) == "websocket.close"
    assert await handshake([]) == "websocket.close"


def test_the_document_names_the_scheme_and_the_scopes(gate: Gate) -> None:
    document = litestar_app(gate).openapi_schema.to_schema()
    assert document["components"]["securitySchemes"]["Keystile"]["scheme"] == "bearer"
    named = {path: item["get"].get("security") for path, item in document["paths"].items()}
    psa = [{"Keystile": ["PSA"]}]
    both = [{"Keystile": ["PSA", "CRM"]}]
    assert named == {"/tickets": psa, "/missing": psa, "/fail": psa, "/both": both, "/health": None}
    document = guarded_app(gate).openapi_schema.to_schema()
    named = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert named["/plain"] == [{"Keystile": ["RMM"]}]
    assert named["/crm/own"] == [{"Keystile": ["CRM", "Books"]}]
    assert named["/crm/open"] == [{"Keystile": ["CRM"]}]
    assert named["/open"] is None


def test_the_scheme_stands_beside_those_of_the_application(gate: Gate) -> None:
    theirs = Components(security_schemes={"theirs": SecurityScheme(type="http", scheme="basic")})
    for components in (theirs, [theirs]):
        config = OpenAPIConfig(title="x", version="1", components=components)
        app = guarded_app(gate, openapi_config=config, security=[{"theirs": []}])
        document = app.openapi_schema.to_schema()
        assert set(document["components"]["securitySchemes"]) == {"theirs", "Keystile"}
        assert document["paths"]["/plain"]["get"]["security"] == [{"theirs": [], "Keystile": ["RMM"]}]
        assert document["paths"]["/open"]["get"]["security"] == [{"theirs": []}]
    assert config.components == [theirs]


async def test_the_document_itself_needs_a_key_unless_it_is_made_public(gate: Gate) -> None:
    config = OpenAPIConfig(title="x", version="1", openapi_router=Router("/schema", route_handlers=[], opt=PUBLIC))
    assert (await asgi(guarded_app(gate))("/schema/openapi.json", [])).status == 401
    answer = await asgi(guarded_app(gate, openapi_config=config))("/schema/openapi.json", [])
    assert json.loads(answer.body)["paths"]["/plain"]["get"]["security"] == [{"Keystile": ["RMM"]}]
