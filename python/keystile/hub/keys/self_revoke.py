"""`POST /v1/keys/self/revoke`: who holds a secret may end its key, whatever that may do. Raw ASGI: no Hub key calls."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType

from keystile import Decision, Gate
from keystile.asgi import answer
from keystile.client_address import TrustedProxies
from keystile.hub import body, text
from keystile.hub.context import Hub
from keystile.hub.errors import CallerRefused, DomainError, Faults, FieldError, Invalid
from keystile.hub.keys.schemas import RevokeKey
from keystile.hub.problems import problem_of
from keystile.hub.requests import check_media_type, parse_query
from keystile.hub.waits import Commit, Confirmation, without_machines
from keystile.hub.wire import Receive, Scope, Send, read_body, respond, respond_problem
from keystile.refusals import refusal_by, without_gate
from keystile.store import audit, keys
from keystile.store.pool import Connection

PATH = "/v1/keys/self/revoke"
_REASON = "Revoked by its holder."
# A key without scopes is let nowhere else, and one without a token left may be in the hands of a thief.
_GENUINE = frozenset({"insufficient_scope", "rate_limited", "revoked_key"})


class SelfRevoked(Struct, frozen=True, kw_only=True):
    """The key that was presented, which no gate here accepts any more."""

    id: str
    status: str
    confirmation: Confirmation | UnsetType = UNSET


class SelfRevoke:
    """Asks the gate as any product does; what a key may do, and how often, does not matter here."""

    def __init__(self, hub: Hub, proxies: TrustedProxies) -> None:
        self._hub = hub
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200, the second time too; or the gate's refusal."""
        if scope["method"] != "POST":
            await respond_problem(send, "method_not_allowed", scope=scope, headers=[(b"allow", b"POST")])
            return
        gate = self._hub.attachment.ensure()
        if gate is None:
            await answer(scope, receive, send, without_gate(scope["state"]["request_id"]))
            return
        decision = gate.check_headers(scope["headers"], None, self._proxies.client(scope))
        if not decision and decision.code not in _GENUINE:
            if decision.code == "gate_stale":
                self._hub.attachment.renew()
            await answer(scope, receive, send, refusal_by(decision, scope["state"]["request_id"]))
            return
        await self._answer(gate, decision, scope, receive, send)

    async def _answer(self, gate: Gate, decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500
        try:
            revoked = await self._revoked(decision, scope, receive)
            status = 200
            limits = [pair for pair in decision.asgi_headers if b"ratelimit" in pair[0].lower()]
            await respond(send, status, msgspec.json.encode(revoked), headers=limits)
        except DomainError as error:
            status = await problem_of(send, error, scope=scope)
        finally:
            if decision:
                gate.finish(decision, status)

    async def _revoked(self, decision: Decision, scope: Scope, receive: Receive) -> SelfRevoked:
        if decision.key_id is None:
            raise LookupError("a gate let a request pass without a key")
        wait = _wait(scope["query_string"])
        reason = _reason(scope, await read_body(scope, receive, self._hub.settings.max_body_bytes))
        if decision.code == "revoked_key" and not wait:
            # Nothing to change, and nothing to ask the database for. Other machines' gates may be behind this one.
            return SelfRevoked(id=decision.key_id, status="revoked")
        async with self._hub.change() as (connection, commit):
            await _revoke(connection, decision.key_id, reason, scope["state"]["request_id"])
        confirmation = await self._confirmed(receive, commit) if wait else UNSET
        return SelfRevoked(id=decision.key_id, status="revoked", confirmation=confirmation)

    async def _confirmed(self, receive: Receive, commit: Commit) -> Confirmation:
        return without_machines(await self._hub.receipts_of(receive, commit))


async def _revoke(connection: Connection, key_id: str, reason: str, request_id: str) -> None:
    row = await keys.get(connection, key_id, None, lock=True)
    if row is None:
        raise CallerRefused("unknown_key")
    if row.status == "revoked":
        return
    await keys.revoke(connection, row.id, row.tenant, reason)
    await audit.write(
        connection,
        actor=row.id,
        tenant=row.tenant,
        action="key.revoke",
        target=row.id,
        detail={"reason": reason},
        request_id=request_id,
    )


def _wait(query: bytes) -> bool:
    pairs = parse_query(query) if query else []
    if pairs not in ([], [("wait", "confirmed")]):
        raise Invalid([FieldError("query", "There is only wait=confirmed here.")])
    return bool(pairs)


def _reason(scope: Scope, raw: bytes) -> str:
    if not raw:
        return _REASON
    check_media_type(scope["headers"])
    faults = Faults()
    asked = body.decode(raw, RevokeKey).reason
    reason = asked and text.paragraph(faults, "reason", asked, longest=text.REASON_CHARS)
    faults.check()
    return reason or _REASON
