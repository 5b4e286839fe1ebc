"""How a long-lived application holds on to its machine's gate."""

from __future__ import annotations

import logging
import time
from os import PathLike

from keystile._core import Gate, Scope
from keystile.errors import GateError

_RETRY_S = 1.0

logger = logging.getLogger(__name__)


class Attachment:
    """A gate that is attached when first needed, and again when an agent has replaced its segment.

    An application may start before its agent: until there is a gate, there is None and the caller must refuse.
    """

    def __init__(
        self, gate: Gate | None = None, *, path: str | PathLike[str] | None = None, scope: str | None = None
    ) -> None:
        self._path = path
        self._scope_name = scope
        self._next_try = 0.0
        # Gate and scope change together, in one assignment: other threads may be asking meanwhile.
        self.bound = None if gate is None else self._bind(gate)
        """The gate and the scope, once there are any: for those who ask often, and call `ensure_bound` for the rest."""

    def ensure(self) -> Gate | None:
        """The gate, attached if it can be; looks for one at most once a second."""
        bound = self.ensure_bound()
        return None if bound is None else bound[0]

    def ensure_bound(self) -> tuple[Gate, Scope | None] | None:
        """The same with the scope that was named, as that gate knows it."""
        if self.bound is None and self._may_try():
            self._attach()
        return self.bound

    def current(self) -> Gate | None:
        """The gate that is there now, for those who ask seldom: if it was replaced, the one in its place."""
        self.renew()
        return self.ensure()

    def renew(self) -> None:
        """After a stale answer: attach again if the segment at the path is another one by now."""
        if self.bound is not None and self._may_try() and not self.bound[0].is_current:
            self._path = self._path or self.bound[0].path
            self._attach()

    def _may_try(self) -> bool:
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + _RETRY_S
        return True

    def _attach(self) -> None:
        try:
            self.bound = self._bind(Gate.attach(self._path))
        except GateError as error:
            # No gate, or a catalogue without the scope: whoever asks is refused until that has changed.
            logger.warning("requests are refused: %s", error)

    def _bind(self, gate: Gate) -> tuple[Gate, Scope | None]:
        return gate, None if self._scope_name is None else gate.scope(self._scope_name)


class AttachmentsByScope(dict[str | None, Attachment]):
    """One attachment for each scope that routes ask for, made when it is first looked up; None: any scope."""

    def __init__(self, gate: Gate | None = None, path: str | PathLike[str] | None = None) -> None:
        super().__init__()
        self._gate = gate
        self._path = path

    def __missing__(self, scope: str | None) -> Attachment:
        made = self[scope] = Attachment(self._gate, path=self._path, scope=scope)
        return made
