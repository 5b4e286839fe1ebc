"""Takes lines from whoever hears them, and counts them in the segment: no more in a second than the agent can bear."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from keystile._core import Writer
from keystile.agent.outcomes.line import Ended, NotAnOutcome, read
from keystile.figures import OUTCOME_RESULTS, outcome_figure, outcomes_of

logger = logging.getLogger(__name__)

LINES_PER_S = 20_000
"""What is read at most, on the average and at once. What comes beyond is dropped unread, and counted."""
_TELL_EVERY_S = 60.0
_FAULTS = {"dropped": "too many at once", "malformed": "not understood", "unknown_key": "of keys that there are not"}


class Intake:
    """Adds errors to the counters of keys, from where the flusher carries them to the database as it does all others.

    It runs in the agent's loop, beside what keeps the gate fresh; so its work for each line is small, and bounded.
    """

    def __init__(self, writer: Writer, clock: Callable[[], float] = time.monotonic) -> None:
        self._writer = writer
        self._clock = clock
        self._left = float(LINES_PER_S)
        self._filled_s = clock()

    def take(self, lines: Sequence[bytes], *, dropped: int = 0) -> None:
        """Count these lines; `dropped` ones were lost before."""
        read_now = lines[: self._grant(len(lines))]
        ended: list[Ended] = []
        passed_over = malformed = 0
        for line in read_now:
            try:
                found = read(line)
            except NotAnOutcome:
                malformed += 1
                continue
            if found is None:
                passed_over += 1
            else:
                ended.append(found)
        dropped += len(lines) - len(read_now)
        counted = self._writer.count_outcomes(ended)
        results = (counted, passed_over, len(ended) - counted, malformed, dropped)
        for result, more in zip(OUTCOME_RESULTS, results, strict=True):
            if more:
                self._writer.add_to_figure(outcome_figure(result), more)

    def _grant(self, wanted: int) -> int:
        """How many lines may be read now."""
        now_s = self._clock()
        self._left = min(float(LINES_PER_S), self._left + (now_s - self._filled_s) * LINES_PER_S)
        self._filled_s = now_s
        granted = min(wanted, int(self._left))
        self._left -= granted
        return granted

    async def tell(self, every_s: float = _TELL_EVERY_S) -> None:
        """Log now and then what could not be counted, if there was any, until cancelled."""
        told = self._counted()
        while True:
            await asyncio.sleep(every_s)
            now = self._counted()
            new = now - told
            told = now
            faults = [f"{new[name]} {words}" for name, words in _FAULTS.items() if new[name]]
            if faults:
                logger.warning("of the outcomes from proxies %s; %d were counted", ", ".join(faults), new["counted"])

    def _counted(self) -> Counter[str]:
        return Counter(outcomes_of(self._writer.gate().counters.figures()))
