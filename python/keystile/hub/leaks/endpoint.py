"""`POST /v1/leaks`. Raw ASGI: what is signed are the bytes of the body, and no key of ours comes with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from keystile.hub import body
from keystile.hub.context import Hub
from keystile.hub.errors import BadSignature, DomainError, FieldError, Invalid, TooBusy
from keystile.hub.leaks import service
from keystile.hub.leaks.service import Label, Report
from keystile.hub.leaks.signers import Signers, verify
from keystile.hub.problems import problem_of
from keystile.hub.wire import Receive, Scope, Send, read_body, respond, respond_problem
from keystile.settings import pepper_bytes

PATH = "/v1/leaks"
MOST_BYTES = 1_048_576
"""The largest report that is read; `max_body_bytes` does not apply."""
MOST_AT_ONCE = 4
"""Reports that are held in memory; before a body has arrived anybody may have sent it."""
BODY_S = 10.0
"""How long a body may take to arrive."""
_IDENTIFIER, _SIGNATURE = b"github-public-key-identifier", b"github-public-key-signature"


class Leaks:
    """Takes reports; without `leaks_keys_url` there is no such address."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._peppers = pepper_bytes(hub.settings)
        url = hub.settings.leaks_keys_url
        self._signers = None if url is None else Signers(url)
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 with a label for each secret."""
        if self._signers is None:
            await respond_problem(send, "not_found", scope=scope)
            return
        if scope["method"] != "POST":
            await respond_problem(send, "method_not_allowed", scope=scope, headers=[(b"allow", b"POST")])
            return
        try:
            labels = await self._take(self._signers, scope, receive)
        except DomainError as error:
            await problem_of(send, error, scope=scope)
            return
        await respond(send, 200, msgspec.json.encode(labels))

    async def _take(self, signers: Signers, scope: Scope, receive: Receive) -> list[Label]:
        identifier, signature = (_sole(scope, name) for name in (_IDENTIFIER, _SIGNATURE))
        key = await signers.key(identifier)
        if self._room.locked():
            raise TooBusy
        async with self._room:
            raw = await _body(scope, receive)
            verify(key, signature, raw)
            return await self._end(raw, scope["state"]["request_id"])

    async def _end(self, raw: bytes, request_id: str) -> list[Label]:
        reports = _reports(raw)
        if not reports:
            return []
        async with self._hub.change() as (connection, _):
            return await service.take(connection, reports, peppers=self._peppers, request_id=request_id)


async def _body(scope: Scope, receive: Receive) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await read_body(scope, receive, MOST_BYTES)
    except TimeoutError:
        raise DomainError("The body did not arrive in time.") from None


def _sole(scope: Scope, name: bytes) -> str:
    values = [value for header, value in scope["headers"] if header == name]
    if len(values) != 1:
        raise BadSignature
    return str(values[0].decode("latin-1"))


def _reports(raw: bytes) -> Sequence[Report]:
    document = body.parse(raw)
    try:
        return msgspec.convert(document, list[Report])
    except msgspec.ValidationError as error:
        raise Invalid([FieldError("", body.readable(error))]) from None
