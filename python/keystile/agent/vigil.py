"""Watches from outside whether the agent that holds a segment still runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from keystile._core import Gate
from keystile.agent.holder import Holder, holder_of
from keystile.errors import GateError
from keystile.settings import Settings

LEAST_PATIENCE_S = 1.0


def patience_s(settings: Settings) -> float:
    """After how long without a heartbeat an agent counts as hung: well before the lease ends."""
    return max(LEAST_PATIENCE_S, settings.stale_after_ms / 3_000)


class Vigil:
    """Looks at the heartbeat in a segment. Only what was seen not to change counts, not what time it says.

    `clock` counts seconds in which this machine runs.
    """

    def __init__(self, segment: Path, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._segment = segment
        self._patience_s = patience_s
        self._clock = clock
        self._gate: Gate | None = None
        self._seen: tuple[Holder | None, int] = (None, 0)
        self._since_s = clock()
        self._looked_s = self._since_s

    def look(self) -> Holder | None:
        """The holder, if it has shown no sign of life for too long; call it often."""
        seen, now_s = (holder_of(self._segment), self._heartbeat()), self._clock()
        # Whoever was kept from looking may have been frozen together with the holder.
        asleep = now_s - self._looked_s > self._patience_s / 2
        self._looked_s = now_s
        if seen != self._seen or asleep:
            self._seen, self._since_s = seen, now_s
        return self._seen[0] if now_s - self._since_s > self._patience_s else None

    def _heartbeat(self) -> int:
        try:
            if self._gate is None or not self._gate.is_current:
                self._gate = Gate.attach(self._segment)
        except GateError:
            self._gate = None
            return 0
        return self._gate.heartbeat_ns
