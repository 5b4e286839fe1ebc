"""A gate's refusal as an HTTP answer, in no framework's form: what every middleware sends."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from keystile._core import Decision
from keystile.problems import CONTENT_TYPE, denial

Header = tuple[bytes, bytes]

_RETRY_S = b"1"


class Refusal(NamedTuple):
    """Status, headers and body of a refusal, as problem details (RFC 9457)."""

    status: int
    headers: list[Header]
    body: bytes

    @property
    def text_headers(self) -> list[tuple[str, str]]:
        """The headers as WSGI and Django take them."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]


def refusal_by(decision: Decision, request_id: str | None = None) -> Refusal:
    """What a decision that lets nobody through answers."""
    return _refusal(decision.code, decision.status, decision.asgi_headers, decision.needed_scope, request_id)


def without_gate(request_id: str | None = None) -> Refusal:
    """The answer while there is no gate to ask."""
    return _refusal("gate_stale", 503, [(b"retry-after", _RETRY_S)], None, request_id)


def lacking(decision: Decision, scope: str, request_id: str | None = None) -> Refusal:
    """The answer to a request that passed, for a further scope that its key does not hold."""
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'.encode()
    headers = [*decision.asgi_headers, (b"www-authenticate", challenge)]
    return _refusal("insufficient_scope", 403, headers, scope, request_id)


def _refusal(
    code: str, status: int, headers: list[Header], needed_scope: str | None, request_id: str | None
) -> Refusal:
    more = []
    if request_id is None:
        request_id = "req_" + secrets.token_hex(12)
        more = [(b"x-request-id", request_id.encode())]
    body = denial(code, scope=needed_scope, request_id=request_id)
    about = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    return Refusal(status, [*about, *more, *headers], body)
