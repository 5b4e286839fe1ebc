"""Forward authentication: a proxy asks whether a request may pass. Raw ASGI, because it is asked often."""

from __future__ import annotations

from urllib.parse import parse_qsl

from keystile import Decision, Gate
from keystile import Scope as GateScope
from keystile.attachment import Attachment
from keystile.client_address import TrustedProxies
from keystile.errors import UnknownScope
from keystile.hub.wire import (
    COMMON_HEADERS,
    NO_GATE,
    PROBLEM,
    RawHeaders,
    Receive,
    Scope,
    Send,
    request_id,
    respond,
    respond_problem,
)
from keystile.problems import DENIALS, denial

PATH = "/v1/authz"
_ONE_SCOPE = b"scope="
_SEPARATORS = frozenset(b"&=%+;")


class BadQuery(Exception):
    """The query asks for something other than one scope of the catalogue; the code says what is wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Authz:
    """Any method of `/v1/authz` and below. The body is never read: it belongs to the product."""

    def __init__(self, attachment: Attachment, proxies: TrustedProxies) -> None:
        self._attachment = attachment
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """200 with who it is, or the gate's refusal."""
        identity = request_id(scope)
        own: RawHeaders = [*COMMON_HEADERS, (b"x-request-id", identity)]
        gate = self._attachment.ensure()
        if gate is None:
            await _refuse(send, "gate_stale", None, identity, [*own, *NO_GATE])
            return
        try:
            wanted = _wanted(gate, scope["query_string"])
        except BadQuery as error:
            scope.setdefault("state", {})["request_id"] = identity.decode()
            await respond_problem(send, error.code, scope=scope, headers=own)
            return
        decision = gate.check_headers(scope["headers"], wanted, self._proxies.client(scope))
        own += decision.asgi_headers
        if decision.allowed:
            await respond(send, 200, b"", headers=own + _identity_headers(decision))
            return
        if decision.code == "gate_stale":
            self._attachment.renew()
        await _refuse(send, decision.code, decision.needed_scope, identity, own)


async def _refuse(send: Send, code: str, needed: str | None, identity: bytes, headers: RawHeaders) -> None:
    body = denial(code, scope=needed, request_id=identity.decode())
    await respond(send, DENIALS[code].status, body, media_type=PROBLEM, headers=headers)


def _wanted(gate: Gate, query: bytes) -> GateScope | None:
    """The scope asked for; None when only the key is to be checked.

    A misspelt parameter is refused: ignoring it would let keys pass that lack the scope.
    """
    if not query:
        return None
    if query.startswith(_ONE_SCOPE) and _SEPARATORS.isdisjoint(query[len(_ONE_SCOPE) :]):
        name = query[len(_ONE_SCOPE) :].decode("latin-1")
    else:
        name = _sole_scope(query)
    try:
        return gate.scope(name)
    except UnknownScope:
        raise BadQuery("unknown_scope") from None


def _sole_scope(query: bytes) -> str:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2)
    except ValueError:
        raise BadQuery("bad_request") from None
    if len(pairs) != 1 or pairs[0][0] != "scope":
        raise BadQuery("bad_request")
    return pairs[0][1]


def _identity_headers(decision: Decision) -> RawHeaders:
    return [
        (b"x-keystile-key-id", (decision.key_id or "").encode()),
        (b"x-keystile-tenant", (decision.tenant or "").encode()),
        (b"x-keystile-tier", (decision.tier or "").encode()),
        (b"x-keystile-scopes", ",".join(decision.scopes).encode()),
    ]
