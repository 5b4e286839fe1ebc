"""`POST /v1/leaks`. Raw ASGI: what is signed are the bytes of the body, and no key of ours comes with them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keystile.hub import body
from keystile.hub.context import Hub
from keystile.hub.errors import BadSignature, DomainError, FieldError, Invalid
from keystile.hub.leaks import service
from keystile.hub.leaks.service import Label, Report
from keystile.hub.leaks.signers import Signers
from keystile.hub.problems import problem_of
from keystile.hub.wire import Receive, Scope, Send, read_body, respond, respond_problem
from keystile.settings import pepper_bytes

PATH = "/v1/leaks"
MOST_BYTES = 1_048_576
"""The largest report that is read; `max_body_bytes` does not apply."""
_IDENTIFIER, _SIGNATURE = b"github-public-key-identifier", b"github-public-key-signature"


class Leaks:
    """Takes reports; without `leaks_keys_url` there is no such address."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._peppers = pepper_bytes(hub.settings)
        url = hub.settings.leaks_keys_url
        self._signers = None if url is None else Signers(url)

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
        raw = await read_body(scope, receive, MOST_BYTES)
        await signers.check(identifier, signature, raw)
        reports = _reports(raw)
        if not reports:
            return []
        async with self._hub.change() as (connection, _):
            return await service.take(
                connection,
                reports,
                peppers=self._peppers,
                request_id=scope["state"]["request_id"],
            )


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
