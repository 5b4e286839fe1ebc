"""One request's question to the gate, for frameworks in which a route asks while the request is under way."""

from __future__ import annotations

from collections.abc import Sequence

from keystile._core import Decision, Gate
from keystile.attachment import AttachmentsByScope
from keystile.refusals import Header, Refusal, lacking, refusal_by, without_gate


def holds(decision: Decision, scope: str) -> bool:
    """Whether the key of a request that passed holds a further scope."""
    return scope == decision.needed_scope or scope in decision.scopes


class Asking:
    """Asks the gate at most once for a request, however many parts of the application ask.

    The first question costs the token and is the one that counts; a further scope is looked up in what it found.
    """

    def __init__(self, attachments: AttachmentsByScope, headers: Sequence[Header], client: str) -> None:
        self._attachments = attachments
        self._headers = headers
        self._client = client
        self._gate: Gate | None = None
        self.decision: Decision | None = None
        """What the gate decided, once it was asked."""

    def ask(self, scope: str | None, request_id: str | None = None) -> Decision | Refusal:
        """The decision if the request may go on with `scope` (None: any at all); else what to answer.

        UnknownScope if the catalogue of a gate that was given lacks it.
        """
        decision = self._first(scope) if self.decision is None else self.decision
        if decision is None:
            return without_gate(request_id)
        if not decision.allowed:
            return refusal_by(decision, request_id)
        if scope is None or holds(decision, scope):
            return decision
        return lacking(decision, scope, request_id)

    def finish(self, status: int) -> None:
        """Count the status finally sent; nothing where the gate was not asked, or refused and so has counted."""
        if self._gate is not None and self.decision is not None and self.decision.allowed:
            self._gate.finish(self.decision, status)

    def _first(self, scope: str | None) -> Decision | None:
        attachment = self._attachments[scope]
        bound = attachment.bound or attachment.ensure_bound()
        if bound is None:
            return None
        self._gate, needed = bound
        self.decision = self._gate.check_headers(self._headers, needed, self._client)
        if self.decision.code == "gate_stale":
            attachment.renew()
        return self.decision
