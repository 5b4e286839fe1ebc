"""A decision as JSON, for callers that cannot use a gate in-process. Raw ASGI, because it is asked often."""

from __future__ import annotations

from typing import Annotated

import msgspec

from keystile import Decision, Gate
from keystile.attachment import Attachment
from keystile.client_address import TrustedProxies
from keystile.errors import UnknownScope
from keystile.hub import body
from keystile.hub.errors import DomainError, FieldError, GateMissing, Invalid
from keystile.hub.requests import check_media_type
from keystile.hub.wire import (
    COMMON_HEADERS,
    NO_GATE,
    PROBLEM,
    Disconnected,
    RawHeaders,
    Receive,
    Scope,
    Send,
    read_body,
    request_id,
    respond,
)
from keystile.problems import PROBLEMS, problem

PATH = "/v1/verify"
_LIMIT_HEADERS = (b"x-ratelimit-", b"ratelimit")


class Verify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret to decide on."""

    key: Annotated[str, msgspec.Meta(description="The secret.")]
    scope: Annotated[str, msgspec.Meta(description="The scope it needs.")] | None = None
    """None: only the key counts."""
    cost: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="Tokens to take.")] = 1


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says. What is not known, such as whose an unknown key is, is null."""

    allowed: bool
    status: int
    code: str
    key_id: str | None
    tenant: str | None
    tier: str | None
    scopes: list[str]
    limit: int | None
    remaining: int | None
    reset_at: int | None
    retry_after: int | None


_encode = msgspec.json.Encoder().encode


class Verifier:
    """`POST /v1/verify`. The caller needs no key of its own: it shows the one it asks about."""

    def __init__(self, attachment: Attachment, proxies: TrustedProxies, max_body_bytes: int) -> None:
        self._attachment = attachment
        self._proxies = proxies
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 with the verdict, whatever it is; a problem only for a bad question."""
        identity = request_id(scope)
        own: RawHeaders = [*COMMON_HEADERS, (b"x-request-id", identity)]
        if scope["method"] != "POST":
            refusal = problem("method_not_allowed", request_id=identity.decode())
            await respond(send, 405, refusal, media_type=PROBLEM, headers=[*own, (b"allow", b"POST")])
            return
        try:
            asked = await self._read(scope, receive)
            gate = self._attachment.ensure()
            if gate is None:
                raise GateMissing
            decision = self._decide(gate, asked, scope)
        except DomainError as error:
            refusal = _refusal(error, identity.decode())
            own += NO_GATE if isinstance(error, GateMissing) else []
            await respond(send, PROBLEMS[error.code].status, refusal, media_type=PROBLEM, headers=own)
            return
        except Disconnected:
            return
        limits = [pair for pair in decision.asgi_headers if pair[0].lower().startswith(_LIMIT_HEADERS)]
        await respond(send, 200, _encode(_verdict(decision)), headers=own + limits)

    async def _read(self, scope: Scope, receive: Receive) -> Verify:
        raw = await read_body(scope, receive, self._max_body_bytes)
        check_media_type(scope["headers"])
        if scope["query_string"]:
            raise Invalid([FieldError("query", "There are no parameters here.")])
        return body.decode(raw, Verify)

    def _decide(self, gate: Gate, asked: Verify, scope: Scope) -> Decision:
        try:
            wanted = None if asked.scope is None else gate.scope(asked.scope)
        except UnknownScope:
            raise Invalid([FieldError("scope", "There is no such scope.")]) from None
        decision = gate.check(asked.key, wanted, self._proxies.client(scope), asked.cost)
        if decision.code == "gate_stale":
            self._attachment.renew()
        return decision


def _refusal(error: DomainError, identity: str) -> bytes:
    errors = [msgspec.to_builtins(fault) for fault in error.errors] if isinstance(error, Invalid) else None
    return problem(error.code, detail=error.detail, request_id=identity, errors=errors)


def _verdict(decision: Decision) -> Verdict:
    return Verdict(
        allowed=decision.allowed,
        status=decision.status,
        code=decision.code,
        key_id=decision.key_id,
        tenant=decision.tenant,
        tier=decision.tier,
        scopes=decision.scopes,
        limit=decision.limit,
        remaining=decision.remaining,
        reset_at=decision.reset_at,
        retry_after=decision.retry_after,
    )
