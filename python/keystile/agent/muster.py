"""After a failover, or a database that was set back: nobody decides before everybody has told what they remember.

A revocation that the database lost may be remembered by one other machine only. Each gate revokes again what it
remembers before it reports on the new history, so once all have reported nothing is missing.
"""

from __future__ import annotations

from uuid import UUID

from keystile._core import boottime
from keystile.store.receipts import Report, surely_over_ns


class Muster:
    """Whether all gates are there; those that are not by `stale_after_ms` are not waited for any longer."""

    def __init__(self, stale_after_ms: int) -> None:
        self._patience_ns = surely_over_ns(stale_after_ms)
        self._history: tuple[UUID, int] | None = None
        self._since_ns = 0
        self._complete = False

    def complete(self, report: Report) -> bool:
        """Whether the gate may decide in the history that `report` is of."""
        history = (report.epoch, report.timeline)
        if history != self._history:
            self._history, self._since_ns, self._complete = history, boottime(), False
        if not self._complete:
            self._complete = report.absent == 0 or boottime() - self._since_ns > self._patience_ns
        return self._complete
