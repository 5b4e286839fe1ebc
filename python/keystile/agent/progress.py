"""How far a long load has come, told in the log now and then."""

from __future__ import annotations

import logging
import time

_EVERY_S = 2.0

logger = logging.getLogger(__name__)


class Progress:
    """Says `what` and how much of it is done, at most every two seconds, so that a short load says nothing."""

    def __init__(self, what: str, *, every_s: float = _EVERY_S) -> None:
        self._what = what
        self._every_s = every_s
        self._told_s = time.monotonic()

    def tell(self, done: int, of: int | None = None) -> None:
        """`done` of `of`, where that is known."""
        now_s = time.monotonic()
        if now_s - self._told_s < self._every_s:
            return
        self._told_s = now_s
        if of is None:
            logger.info("%s: %d", self._what, done)
        else:
            logger.info("%s: %d of %d (%d %%)", self._what, done, of, 100 * done // max(of, 1))
