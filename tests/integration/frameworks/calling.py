"""Calls of applications with raw headers, as a server makes them: what no HTTP client would send goes through too."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

Headers = list[tuple[str, str]]


class Answered(NamedTuple):
    """An application's answer; the names of its headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


Call = Callable[..., Awaitable[Answered]]


def bearer(secret: str) -> Headers:
    """The header of a key."""
    return [("authorization", f"Bearer {secret}")]


def environ_of(path: str, headers: Headers, method: str = "GET", peer: str = "192.0.2.1") -> dict[str, Any]:
    """As gunicorn makes it: several headers of a name are joined with a comma."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
    environ["REMOTE_ADDR"] = peer
    setup_testing_defaults(environ)
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def wsgi(app: Any) -> Call:
    """Calls a WSGI application in a thread of its own, and holds both sides to PEP 3333."""

    def run(path: str, headers: Headers, **more: Any) -> Answered:
        started: list[Any] = []

        def start_response(*args: Any) -> Callable[[bytes], object]:
            started.append(args)
            return io.BytesIO().write

        parts = validator(app)(environ_of(path, headers, **more), start_response)
        try:
            body = b"".join(parts)
        finally:
            parts.close()  # type: ignore[attr-defined]
        status, sent = started[-1][:2]
        return Answered(int(status[:3]), {name.lower(): value for name, value in sent}, body)

    async def call(path: str, headers: Headers, **more: Any) -> Answered:
        return await asyncio.to_thread(run, path, headers, **more)

    return call


def asgi(app: Any) -> Call:
    """Calls an ASGI application; one that raises after its answer has answered."""

    async def call(path: str, headers: Headers, method: str = "GET", peer: str = "192.0.2.1") -> Answered:
        sent: list[Any] = []
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"app"), *raw],
            "client": (peer, 5),
            "server": ("app", 80),
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await app(scope, receive, send)
        except RuntimeError:
            assert sent
        found = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        assert len(found) == len(sent[0]["headers"]), "a header came twice"
        return Answered(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))

    return call
