"""How a long-lived application holds on to its machine's gate."""

from __future__ import annotations

import time
from os import PathLike

from keystile._core import Gate, Scope
from keystile.errors import GateError

_RETRY_S = 1.0


class Attachment:
    """A gate that is attached when first needed, and again when an agent has replaced its segment.

    An application may start before its agent: until there is a gate, `gate()` is None and the caller must refuse.
    """

    def __init__(
        self, gate: Gate | None = None, *, path: str | PathLike[str] | None = None, scope: str | None = None
    ) -> None:
        self._path = path
        self._scope_name = scope
        self._next_try = 0.0
        self.gate = gate
        self.scope: Scope | None = gate.scope(scope) if gate is not None and scope is not None else None

    def ensure(self) -> Gate | None:
        """The gate, attached if it can be; looks for one at most once a second."""
        if self.gate is None and self._may_try():
            self._attach()
        return self.gate

    def renew(self) -> None:
        """After a stale answer: attach again if the segment at the path is another one by now."""
        if self.gate is not None and self._may_try() and not self.gate.is_current:
            self._path = self._path or self.gate.path
            self._attach()

    def _may_try(self) -> bool:
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + _RETRY_S
        return True

    def _attach(self) -> None:
        try:
            gate = Gate.attach(self._path)
            self.scope = gate.scope(self._scope_name) if self._scope_name is not None else None
        except GateError:
            # No gate, or a catalogue without the scope: the old gate, if any, goes on refusing as stale.
            return
        self.gate = gate
