"""The names under which the agent publishes numbers in the segment, for all processes of its machine.

The agent sets one by `Writer.set_figure` or counts by `Writer.add_to_figure`; whoever has a gate reads them all by
`gate.counters.figures()`. One that was never set is absent.
"""

from __future__ import annotations

FED_NS = "fed_ns"
"""Boot time until when the gate has every change that was committed: when the last poll that said so was sent."""
FLUSHED_NS = "flushed_ns"
"""Boot time until when the database has everything that was counted: when the last flush that succeeded began."""
