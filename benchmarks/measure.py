"""Timing things against each other in one run."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Work = Callable[[], int]
"""Does its calls and returns how many there were."""


class Turns(NamedTuple):
    """Seconds per call of each subject, one for each round in which they took turns."""

    seconds: Mapping[str, Sequence[float]]

    def median_s(self, subject: str) -> float:
        """The median time of one call, in seconds."""
        return statistics.median(self.seconds[subject])

    def ratio(self, subject: str, baseline: str) -> float:
        """The median over the rounds of subject's time ÷ baseline's."""
        pairs = zip(self.seconds[subject], self.seconds[baseline], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def in_turns(subjects: Mapping[str, Work], *, rounds: int = 9) -> Turns:
    """Time all subjects once in each round, so that what else the machine does weighs on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds + 1):
            for name, work in subjects.items():
                started = time.perf_counter()
                calls = work()
                elapsed = time.perf_counter() - started
                if number > 0:  # the first round only warms up
                    seconds[name].append(elapsed / calls)
    finally:
        if collecting:
            gc.enable()
    return Turns(seconds)


def for_each(call: Callable[[bytes, Any], object], arguments: Sequence[bytes], other: object) -> Work:
    """`call(argument, other)` for each of the arguments."""

    def work() -> int:
        for argument in arguments:
            call(argument, other)
        return len(arguments)

    return work
