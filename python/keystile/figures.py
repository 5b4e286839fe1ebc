"""The names under which the agent publishes numbers in the segment, for all processes of its machine.

The agent sets one by `Writer.set_figure` or counts by `Writer.add_to_figure`; whoever has a gate reads them all by
`gate.counters.figures()`. One that was never set is absent.
"""

from __future__ import annotations

from collections.abc import Mapping

FED_NS = "fed_ns"
"""Boot time until when the gate has every change that was committed: when the last poll that said so was sent."""
FLUSHED_NS = "flushed_ns"
"""Boot time until when the database has everything that was counted: when the last flush that succeeded began."""

OUTCOME_RESULTS = ("counted", "passed_over", "unknown_key", "malformed", "dropped")
"""What can become of an outcome that a proxy reports: added to a key's errors; no error, or no key; of a key that the
segment does not hold; not understood; lost before it was read."""


def outcome_figure(result: str) -> str:
    """The name under which outcomes are counted that ended so."""
    return f"outcomes_{result}"


def outcomes_of(figures: Mapping[str, int]) -> dict[str, int]:
    """What became of the outcomes that proxies reported, from all figures of a machine."""
    return {result: figures.get(outcome_figure(result), 0) for result in OUTCOME_RESULTS}
