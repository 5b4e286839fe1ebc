"""Takes lines from whoever hears them, and counts them in the segment."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from keystile._core import Writer
from keystile.agent.outcomes.line import Ended, NotAnOutcome, read
from keystile.figures import OUTCOME_RESULTS, outcome_figure, outcomes_of

logger = logging.getLogger(__name__)

_TELL_EVERY_S = 60.0
_FAULTS = {"dropped": "too many at once", "malformed": "not understood", "unknown_key": "of keys that there are not"}


class Intake:
    """Adds errors to the counters of keys, from where the flusher carries them to the database as it does all others.

    It runs in the agent's loop, beside what keeps the gate fresh: whoever calls it bounds what it is given.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._closed: Counter[str] = Counter()

    def take(self, lines: Sequence[bytes], *, dropped: int = 0) -> int:
        """Count these lines, and `dropped` ones that were lost before; how many could not be understood."""
        ended: list[Ended] = []
        passed_over = malformed = 0
        for line in lines:
            try:
                found = read(line)
            except NotAnOutcome:
                malformed += 1
                continue
            if found is None:
                passed_over += 1
            else:
                ended.append(found)
        counted = self._writer.count_outcomes(ended)
        results = (counted, passed_over, len(ended) - counted, malformed, dropped)
        for result, more in zip(OUTCOME_RESULTS, results, strict=True):
            if more:
                self._writer.add_to_figure(outcome_figure(result), more)
        return malformed

    def note_closed(self, why: str) -> None:
        """Remember that a connection was closed, to be told in the log: each one alone would be too much there."""
        self._closed[why] += 1

    async def tell(self, every_s: float = _TELL_EVERY_S) -> None:
        """Log now and then what could not be counted and who was sent away, if there was any, until cancelled."""
        told = self._counted()
        while True:
            await asyncio.sleep(every_s)
            now = self._counted()
            new = now - told
            told = now
            faults = [f"{new[name]} {words}" for name, words in _FAULTS.items() if new[name]]
            if faults:
                logger.warning("of the outcomes from proxies %s; %d were counted", ", ".join(faults), new["counted"])
            for why, many in self._closed.items():
                logger.warning("connections for outcomes that were closed, because %s: %d", why, many)
            self._closed.clear()

    def _counted(self) -> Counter[str]:
        return Counter(outcomes_of(self._writer.gate().counters.figures()))
