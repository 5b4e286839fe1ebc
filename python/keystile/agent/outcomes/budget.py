"""How much of what others send is looked at: so many lines and bytes a second, charged before they are touched."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Budget:
    """Fills up continuously, and holds at most what one second brings."""

    def __init__(
        self, lines_per_s: int, bytes_per_s: int, *, share: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`share` is the part of what is left that one piece may take: so whoever asks for little always finds some."""
        self._lines_per_s = lines_per_s
        self._bytes_per_s = bytes_per_s
        self._share = share
        self._clock = clock
        self._lines = float(lines_per_s)
        self._bytes = float(bytes_per_s)
        self._filled_s = clock()

    def lines_left(self) -> int:
        """How many lines could be had now."""
        self._fill()
        return int(self._lines)

    def grant(self, lines: int, size: int) -> int:
        """How many lines may be read of a piece of `size` bytes, in which `lines` end; none of one that is too big."""
        self._fill()
        if size > self._bytes * self._share:
            return 0
        self._bytes -= size
        granted = min(lines, int(self._lines), math.ceil(self._lines * self._share))
        self._lines -= granted
        return granted

    def _fill(self) -> None:
        now_s = self._clock()
        passed_s, self._filled_s = now_s - self._filled_s, now_s
        self._lines = min(float(self._lines_per_s), self._lines + passed_s * self._lines_per_s)
        self._bytes = min(float(self._bytes_per_s), self._bytes + passed_s * self._bytes_per_s)
