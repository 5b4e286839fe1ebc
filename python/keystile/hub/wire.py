"""The Hub's raw ASGI ground: request ids, the headers that every answer carries, and short answers."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

from keystile import Decision
from keystile.asgi import ASGIApp, ASGIScope, Message, Receive, Send
from keystile.hub.errors import BodyTooLarge
from keystile.logs import REQUEST_ID
from keystile.problems import CONTENT_TYPE, PROBLEMS, problem

Scope = ASGIScope
RawHeaders = list[tuple[bytes, bytes]]

__all__ = [
    "COMMON_HEADERS",
    "JSON",
    "NO_GATE",
    "PROBLEM",
    "ASGIApp",
    "Answer",
    "Disconnected",
    "Envelope",
    "RawHeaders",
    "Receive",
    "Scope",
    "Send",
    "read_body",
    "request_id",
    "respond",
    "respond_problem",
]

JSON = b"application/json"
PROBLEM = CONTENT_TYPE.encode()
COMMON_HEADERS: RawHeaders = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_GATE: RawHeaders = [(b"retry-after", b"1")]
"""Goes with `gate_stale` while there is no gate at all that could say more."""

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_process = secrets.token_hex(6).encode()
_numbers = itertools.count(1)


class Answer(NamedTuple):
    """A whole answer, for whoever sends it."""

    status: int
    headers: RawHeaders
    """Its own; those of the decision follow."""
    body: bytes
    decision: Decision | None


class Disconnected(Exception):
    """The client went away before its body had arrived."""


def request_id(scope: Scope) -> bytes:
    """The id that the client gave this request, if it is one; else a new one, unique across processes."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return b"%b-%x" % (_process, next(_numbers))


async def respond(
    send: Send,
    status: int,
    body: bytes,
    *,
    media_type: bytes = JSON,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a whole answer."""
    raw: RawHeaders = [(b"content-length", str(len(body)).encode()), *headers]
    if body:
        raw.append((b"content-type", media_type))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(
    send: Send,
    code: str,
    *,
    scope: Scope,
    detail: str | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a problem from the table."""
    body = problem(code, detail=detail, request_id=scope["state"]["request_id"])
    await respond(send, PROBLEMS[code].status, body, media_type=PROBLEM, headers=headers)


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """The whole body. BodyTooLarge as soon as it is announced or found to exceed `most` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


class Envelope:
    """Gives every answer a request id and the common headers, and every crash a problem for an answer.

    The id stands in `scope["state"]["request_id"]` for whoever answers. A header that the inner application
    sets itself is left alone. `answered` is told the status of each answer.
    """

    def __init__(self, app: ASGIApp, answered: Callable[[int], None]) -> None:
        self._app = app
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for HTTP only."""
        identity = request_id(scope)
        scope.setdefault("state", {})["request_id"] = identity.decode()
        told = REQUEST_ID.set(identity.decode())
        started = False

        async def send_sealed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [pair for pair in COMMON_HEADERS if pair[0] not in present]
                if b"x-request-id" not in present:
                    headers.append((b"x-request-id", identity))
                message["headers"] = headers
                self._answered(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_sealed)
        except Disconnected:
            return
        except Exception:
            if started:
                raise
            logger.exception("the request failed")
            await respond_problem(send_sealed, "internal_error", scope=scope)
        finally:
            REQUEST_ID.reset(told)
