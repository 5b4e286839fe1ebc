"""Timing two things against each other in one run."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable


def median_ratio(
    subject: Callable[[], object], baseline: Callable[[], object], *, rounds: int = 9, calls: int = 20_000
) -> float:
    """The median over `rounds` of subject's time ÷ baseline's, each round timing `calls` of both in turn."""
    ratios = []
    for _ in range(rounds):
        ours = timeit.timeit(subject, number=calls)
        theirs = timeit.timeit(baseline, number=calls)
        ratios.append(ours / theirs)
    return statistics.median(ratios)
