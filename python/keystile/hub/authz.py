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
    Answer,
    Receive,
    Scope,
    Send,
    request_id,
)
from keystile.problems import PROBLEMS, denial, problem
from keystile.refusals import Header

PATH = "/v1/authz"
_PATH = PATH.encode()
_ONE_SCOPE = b"scope="
_SEPARATORS = frozenset(b"&=%+;")
_ALLOWED = ((b"content-length", b"0"), (b"cache-control", b"no-store"))
"""What every 200 has. It has no body, and no proxy shows it to a browser: the other headers would guard nothing."""


def query_of(path: bytes, query: bytes) -> bytes | None:
    """What a request asks for, as a query; None if its path is not one of forward authentication.

    `/v1/authz:PSA` asks for a scope by itself. What a proxy appends to it is the client's, path and query alike, and
    changes nothing.
    """
    if not path.startswith(_PATH):
        return None
    rest = path[len(_PATH) :]
    if not rest or rest.startswith(b"/"):
        return query
    return _ONE_SCOPE + rest[1:].partition(b"/")[0] if rest.startswith(b":") else None


class BadQuery(Exception):
    """The query asks for something other than one scope of the catalogue; the code says what is wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Authz:
    """Any method of `/v1/authz` and what begins like it. The body is never read: it belongs to the product."""

    def __init__(self, attachment: Attachment, proxies: TrustedProxies) -> None:
        self._attachment = attachment
        self._proxies = proxies
        self._scopes = _Scopes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """200 with who it is, or the gate's refusal."""
        status, headers, body, decision = self.answer(scope)
        if decision is not None:
            headers += decision.asgi_headers
            headers += decision.asgi_identity
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def answer(self, scope: Scope) -> Answer:
        """The same as one value. Of the scope it takes `headers`, `client` and `query_string`."""
        identity = request_id(scope)
        bound = self._attachment.bound or self._attachment.ensure_bound()
        if bound is None:
            return _refusal("gate_stale", None, identity, None, *NO_GATE)
        gate, query = bound[0], scope["query_string"]
        try:
            wanted = self._scopes.asked_for(gate, query) if query else None
        except BadQuery as error:
            return _refused(error.code, problem(error.code, request_id=identity.decode()), identity, None)
        decision = gate.check_headers(scope["headers"], wanted, self._proxies.client(scope))
        if decision:
            return Answer(200, [*_ALLOWED, (b"x-request-id", identity)], b"", decision)
        if decision.code == "gate_stale":
            self._attachment.renew()
        return _refusal(decision.code, decision.needed_scope, identity, decision)


def _refusal(code: str, needed: str | None, identity: bytes, decision: Decision | None, *more: Header) -> Answer:
    body = denial(code, scope=needed, request_id=identity.decode())
    return _refused(code, body, identity, decision, *more)


def _refused(code: str, body: bytes, identity: bytes, decision: Decision | None, *more: Header) -> Answer:
    about = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", PROBLEM),
        (b"x-request-id", identity),
        (b"x-keystile-problem", body),  # for proxies that see headers only; there is nothing but ASCII in it
    ]
    return Answer(PROBLEMS[code].status, [*about, *COMMON_HEADERS, *more], body, decision)


class _Scopes:
    """The scopes of a gate by the queries that asked for them."""

    def __init__(self) -> None:
        self._known: tuple[Gate | None, dict[bytes, GateScope]] = (None, {})

    def asked_for(self, gate: Gate, query: bytes) -> GateScope:
        """The scope that a query asks for.

        A misspelt parameter is refused: ignoring it would let keys pass that lack the scope.
        """
        of, known = self._known
        if of is not gate:
            self._known = of, known = gate, {}
        found = known.get(query)
        if found is None:
            found = _found(gate, query)
            # Spelt plainly there are as many queries as scopes; other spellings are not kept.
            if len(query) == len(_ONE_SCOPE) + len(found.name):
                known[query] = found
        return found


def _found(gate: Gate, query: bytes) -> GateScope:
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
