"""The workers' HTTP protocol: whatever arrives, the answer is the one that uvicorn's own gives."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from keystile import Gate, KeyRecord, mint, new_key_id
from keystile.hub.app import create_app
from keystile.hub.authz import Authz
from keystile.hub.protocol import HubProtocol
from keystile.hub.wire import Answer, Scope
from keystile.settings import Settings

UNKNOWN = "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"
LAST = "GET /healthz HTTP/1.1\r\nhost: hub\r\nx-request-id: last\r\nconnection: close\r\n\r\n"
CHANGING = [rb"date: [^\r]+", rb"x-ratelimit-reset: \d+", rb"t=\d+", rb"key_\w{26}"]


class Noting(Authz):
    """Notes in which way it is asked."""

    def __init__(self, original: Authz) -> None:
        vars(self).update(vars(original))
        self.at_once = 0
        self.fails = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.at_once -= 1  # it asks for the answer too
        await super().__call__(scope, receive, send)

    def answer(self, scope: Scope) -> Answer:
        self.at_once += 1
        if self.fails:
            raise RuntimeError("a defect")
        return super().answer(scope)


class Served:
    """A Hub behind a real socket, without a database, and a fresh key of its gate."""

    def __init__(self, folder: Path, tenant: str = "home") -> None:
        folder.mkdir()
        gate = Gate.open(folder / "gate", scopes=["PSA", "CRM", "Hub"], tiers=[("Standard", 60, 100)], capacity=64)
        self.secret = mint()
        self._record = (new_key_id(), gate.digest(self.secret))
        gate.put(KeyRecord(*self._record, scopes=["PSA"], tier="Standard", tenant=tenant))
        settings = Settings(data=folder, pepper="07" * 32, database_url=f"postgresql://nobody@/none?host={folder}")
        self.app: Any = create_app(settings, gate)
        self.app.authz = self.authz = Noting(self.app.authz)
        self.address = ("", 0)

    async def say(self, text: str) -> bytes:
        """All that is answered to some requests and a last one; what differs from time to time is blanked."""
        raw = (text.replace("SECRET", self.secret) + LAST).encode("latin-1")
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(raw)
        answered = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        for changing in CHANGING:
            answered = re.sub(changing, b"~", answered)
        return answered


def configured(app: Any, protocol: type[HttpToolsProtocol]) -> uvicorn.Config:
    """As a worker is."""
    return uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", interface="asgi3", access_log=False, server_header=False,
        proxy_headers=False, log_config=None,
    )  # fmt: skip


@asynccontextmanager
async def serving(folder: Path, protocol: type[HttpToolsProtocol], **more: Any) -> AsyncIterator[Served]:
    """A Hub that is served by this protocol."""
    served = Served(folder, **more)
    config = configured(served.app, protocol)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served.address = listener.getsockname()
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield served
        server.should_exit = True
        await running


def ask(
    path: str = "/v1/authz?scope=PSA", *lines: str, method: str = "GET", version: str = "1.1", body: str = ""
) -> str:
    """One request with the key that is served, unless the lines say otherwise."""
    head = [f"{method} {path} HTTP/{version}", "host: hub", "x-request-id: one", *lines]
    if not any(line.startswith("authorization") for line in lines):
        head.append("authorization: Bearer SECRET")
    return "\r\n".join([*head, "", body])


BODY = "x" * 200_000
AT_ONCE = {
    "allowed": ask(),
    "without a scope": ask("/v1/authz"),
    "empty query": ask("/v1/authz?"),
    "below": ask("/v1/authz/any/where?scope=PSA"),
    "scope in the path": ask("/v1/authz:PSA"),
    "scope in the path, the client's behind it": ask("/v1/authz:PSA/any/where?scope=CRM&page=2"),
    "scope in the path missing": ask("/v1/authz:CRM//any/where"),
    "scope in the path unknown": ask("/v1/authz:Nope/any"),
    "scope in the path encoded": ask("/v1/authz:%50SA/any"),
    "no scope in the path": ask("/v1/authz:/PSA"),
    "encoded": ask("/v1/authz/%41?scope=%50SA"),
    "scope missing": ask("/v1/authz?scope=CRM"),
    "scope unknown": ask("/v1/authz?scope=Nope"),
    "bad query": ask("/v1/authz?a=1&b=2"),
    "unknown key": ask("/v1/authz", f"authorization: Bearer {UNKNOWN}"),
    "no key": ask("/v1/authz", "authorization-not: x"),
    "head": ask(method="HEAD"),
    "head refused": ask("/v1/authz?scope=CRM", method="HEAD"),
    "closing": ask("/v1/authz?scope=PSA", "connection: close"),
    "old": ask(version="1.0"),
    "old, kept alive": ask("/v1/authz", "connection: keep-alive", version="1.0"),
    "with a body": ask("/v1/authz", f"content-length: {len(BODY)}", method="POST", body=BODY),
    "expecting": ask("/v1/authz", "expect: 100-continue", "content-length: 2", method="PUT", body="{}"),
    "chunked": ask("/v1/authz", "transfer-encoding: chunked", method="POST", body="2\r\n{}\r\n0\r\n\r\n"),
    "in a row": ask() + ask("/v1/authz?scope=CRM") + ask(),
}
OTHERWISE = {
    "another path": ask("/v1/authzz"),
    "another encoding": ask("/v1/%61uthz?scope=PSA"),
    "encoded colon": ask("/v1/authz%3APSA/x"),
    "encoded slash": ask("/v1/authz%2Fx?scope=PSA"),
    "a fragment": ask("/v1/authz?scope=PSA#there"),
    "a whole address": ask("http://hub/v1/authz?scope=PSA"),
    "not ASCII": ask("/v1/authz/ä"),
    "an upgrade": ask("/v1/authz", "connection: upgrade", "upgrade: websocket"),
    "not HTTP": "GET /v1/authz HTTP/1.1\r\nno header\r\n\r\n",
    "health": ask("/healthz"),
}


@pytest.mark.parametrize("name", [*AT_ONCE, *OTHERWISE])
async def test_the_answer_is_the_same(tmp_path: Path, name: str) -> None:
    request = {**AT_ONCE, **OTHERWISE}[name]
    async with serving(tmp_path / "ours", HubProtocol) as ours, serving(tmp_path / "plain", HttpToolsProtocol) as plain:
        expected = await plain.say(request)
        assert (await ours.say(request)).split(b"\r\n") == expected.split(b"\r\n")
    assert b"HTTP/1.1" in expected
    assert plain.authz.at_once == 0
    assert ours.authz.at_once == (request.count(" HTTP/1.") if name in AT_ONCE else 0)


async def test_an_answer_waits_for_those_before_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "ours", HubProtocol) as ours:
        answered = await ours.say(ask("/healthz") + ask() + ask("/readyz") + ask("/v1/authz?scope=CRM"))
    statuses = re.findall(rb"HTTP/1.1 (\d+)", answered)
    assert statuses == [b"200", b"200", b"200", b"403", b"200"]
    assert answered.index(b'{"status":"ok"}') < answered.index(b"x-keystile-key-id")
    assert ours.authz.at_once == 0


async def test_a_defect_is_an_error_of_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path / "ours", HubProtocol) as ours:
        ours.authz.fails = True
        assert (await ours.say(ask())).startswith(b"HTTP/1.1 500 ")


async def test_no_value_begins_another_header(tmp_path: Path) -> None:
    async with serving(tmp_path / "ours", HubProtocol, tenant="home\r\nx-evil: 1") as ours:
        answered = await ours.say(ask())
    assert answered == b""


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.answered = asyncio.Event()

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data
        if self.answers() == 4:
            self.answered.set()

    def answers(self) -> int:
        """How many there are so far."""
        return self.written.count(b"HTTP/1.1 200 OK")

    def is_closing(self) -> bool:
        """It never is."""
        return False

    def pause_reading(self) -> None:
        """All is there already."""

    def resume_reading(self) -> None:
        """All is there already."""


async def test_a_reader_that_does_not_read_is_waited_for(tmp_path: Path) -> None:
    served = Served(tmp_path / "ours")
    config = configured(served.app, HubProtocol)
    config.load()
    protocol, wire = HubProtocol(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    request = ask().replace("SECRET", served.secret).encode()
    protocol.data_received(request)
    assert (wire.answers(), served.authz.at_once) == (1, 1)
    protocol.pause_writing()
    protocol.data_received(request * 3)
    await asyncio.sleep(0)
    assert (wire.answers(), served.authz.at_once) == (1, 1)
    protocol.resume_writing()
    await asyncio.wait_for(wire.answered.wait(), 20)
    assert served.authz.at_once == 1
    protocol.connection_lost(OSError())
