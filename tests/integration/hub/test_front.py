"""What every answer has, what is open to all, and what stays up when the database is away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import World, lifespan

from keystile import Gate, KeyRecord, mint, new_key_id
from keystile.hub.app import create_app
from keystile.settings import Settings, pepper_bytes

PATHS = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/",
    "/nothing",
    "/v1/keys",
    "/v1/keys?limit=0",
    "/v1/nothing",
    "/v1/authz",
    "/v1/authz?scope=Nope",
    "/v1/verify",
    "/v1/leaks",
    "/v1/keys/self/revoke",
    "/v1/webhooks",
    "/v1",
    "//v1/keys",
    "/api/tickets",
]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_numbered_and_sealed(world: World, path: str) -> None:
    for client in (world.client, world.client_of(None)):
        answer = await client.get(path)
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])
        assert answer.headers["cache-control"]
        if answer.content or not path.startswith("/v1/authz"):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        for header in ("x-request-id", "cache-control", "content-length"):
            assert len(answer.headers.get_list(header)) == 1, header
        assert len(answer.headers.get_list("content-type")) == bool(answer.content)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("path", ["/healthz", "/v1/keys", "/v1/authz", "/v1/verify", "/nothing"])
async def test_a_good_request_id_is_kept_and_a_bad_one_replaced(world: World, path: str) -> None:
    good = await world.client.get(path, headers={"X-Request-Id": "A-b_c.9"})
    assert good.headers["x-request-id"] == "A-b_c.9"
    for bad in ("", "a b", "x" * 65, "é", "a\tb", "<script>"):
        raw = [(b"X-Request-Id", bad.encode("latin-1"))]
        answer = await world.client.get(path, headers=raw)
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/healthz", 405, {"GET", "HEAD"}),
        ("DELETE", "/docs", 405, {"GET", "HEAD"}),
        ("GET", "/v1/verify", 405, {"POST"}),
        ("GET", "/v1/keys/self/revoke", 405, {"POST"}),
        ("GET", "/v1/leaks", 404, set()),
        ("DELETE", "/v1/keys", 405, {"GET", "POST", "OPTIONS"}),
        ("PUT", "/v1/keys/key_01jdxz5k6mfq8r9s0tvwxyz012", 405, {"GET", "PATCH", "OPTIONS"}),
        ("GET", "/v1/keys/a/b/c", 404, set()),
        ("GET", "/v1/nothing", 404, set()),
        ("GET", "/healthz/", 404, set()),
        ("GET", "/schema/openapi.json", 404, set()),
    ],
)
async def test_paths_and_methods(world: World, method: str, path: str, status: int, allow: set[str]) -> None:
    answer = await world.client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["code"] == {404: "not_found", 405: "method_not_allowed"}[status]
    assert {name for name in answer.headers.get("allow", "").split(", ") if name} == allow


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/v1/keys", "GET, OPTIONS, POST"), ("/v1/tenants/home", "GET, OPTIONS, PATCH"), ("/v1/tiers", "GET, OPTIONS")],
)
async def test_options_names_every_method(world: World, path: str, allow: str) -> None:
    answer = await world.client.options(path)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", allow)
    assert (await world.client_of(None).options(path)).status_code == 401


async def test_preflights_pass_without_a_key_and_reach_nothing(world: World) -> None:
    before = await world.stored()
    asked = {"Access-Control-Request-Method": "DELETE", "Origin": "https://elsewhere.example"}
    async with world.client_of(None) as nobody:
        answer = await nobody.options("/v1/keys?a=1&a=2", headers=asked)
        assert answer.status_code in {204, 422}
        assert "access-control-allow-origin" not in answer.headers
        assert (await nobody.options("/v1/keys")).json()["code"] == "missing_credentials"
    assert await world.stored() == before


async def test_health(world: World) -> None:
    async with world.client_of(None) as nobody:
        assert (await nobody.get("/healthz")).json() == {"status": "ok"}
        assert (await nobody.get("/readyz")).json() == {"status": "ok"}


class Seen(HTMLParser):
    """Tags, links and anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is there."""
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name in {"href", "src", "action"}:
                self.links.add(value or "")
            if name == "id":
                self.anchors.add(value or "")


async def test_the_description_loads_nothing_from_elsewhere(world: World) -> None:
    answer = await world.client_of(None).get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src" not in answer.headers["content-security-policy"]
    page = Seen()
    page.feed(answer.text)
    assert not page.tags & {"script", "img", "iframe", "link", "object", "form", "input"}
    outside = {link for link in page.links if not link.startswith("#")}
    assert outside == {"/openapi.json"}
    assert {link[1:] for link in page.links - outside} <= page.anchors
    for path in ("/v1/keys/{key_id}/rotate", "/v1/verify", "/v1/authz", "/metrics"):
        assert path in answer.text


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, entry in value.items():
            if name == "$ref":
                yield entry
            yield from _references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _references(entry)


async def test_the_document_is_whole(world: World) -> None:
    document = (await world.client_of(None).get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_references(document)) <= known
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for path in ("/v1/keys", "/v1/usage", "/v1/audit", "/v1/verify", "/v1/authz", "/healthz", "/readyz"):
        assert path in document["paths"]
    create = document["components"]["schemas"]["CreateKey"]
    assert create["additionalProperties"] is False
    assert create["required"] == ["name", "scopes"]
    for operation in operations:
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and operation["operationId"] != "Ready":
                assert list(answer["content"]) == ["application/problem+json"]


async def test_websockets_are_turned_away(world: World) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await world.app({"type": "websocket", "path": "/v1/keys", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_without_a_database_the_hub_lives_and_decides(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=f"postgresql://nobody@/none?host={tmp_path}")
    pepper = pepper_bytes(settings, create=True)[0]
    gate = Gate.open(
        tmp_path / "own.segment",
        scopes=[scope.name for scope in settings.scopes],
        tiers=[(tier.name, tier.rate, tier.burst) for tier in settings.tiers],
        pepper=pepper,
    )
    secret = mint()
    gate.put(KeyRecord(new_key_id(), gate.digest(secret), scopes=["Hub"], tier="Standard"))
    app = create_app(settings, gate)
    headers = {"Authorization": f"Bearer {secret}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/authz?scope=Hub")).status_code == 200
        for method, path in (("GET", "/v1/keys"), ("GET", "/v1/tiers"), ("POST", "/v1/keys")):
            answer = await client.request(method, path, json={"name": "x", "scopes": []})
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert answer.headers["retry-after"] == "1"
            assert str(tmp_path) not in answer.text


async def test_without_a_gate_the_hub_lives_and_decides_nothing(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path,
        segment=tmp_path / "absent.segment",
        database_url=f"postgresql://nobody@/none?host={tmp_path}",
    )
    pepper_bytes(settings, create=True)
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/metrics")).text.endswith("keystile_gate_fresh 0.0\n")
        for answer in (
            await client.get("/v1/keys"),
            await client.get("/v1/authz"),
            await client.post("/v1/verify", json={"key": "x"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "gate_stale")
            assert answer.headers["retry-after"] == "1"
