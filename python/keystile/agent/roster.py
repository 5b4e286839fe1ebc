"""Watches the other gates, so that one which is gone is not waited for.

A gate's lease is over when its report has not changed for longer than the lease: seen by this observer, by its own
clock, over one connection. A server that crashed, or another one after a failover, may have lost reports; either ends
the connection, and a new roster begins to watch anew.
"""

from __future__ import annotations

import logging
from uuid import UUID

from keystile._core import boottime
from keystile.store import receipts
from keystile.store.pool import Connection

logger = logging.getLogger(__name__)

_INTERVAL_NS = 1_000_000_000


class Roster:
    """What one connection has seen of all gates."""

    def __init__(self) -> None:
        self._reports: dict[bytes, tuple[int, int]] = {}
        """By gate: its last report number, and the boot time by which it was seen first."""
        self._history: tuple[UUID, int] | None = None
        self._since_ns = 0
        self._settled = False
        self._next_ns = 0

    async def look(self, conn: Connection, epoch: UUID, timeline: int) -> None:
        """Note who is gone, and whether the present epoch and timeline have outlasted every lease."""
        asked_ns = boottime()
        if asked_ns < self._next_ns:
            return
        self._next_ns = asked_ns + _INTERVAL_NS
        gates = await receipts.every(conn)
        answered_ns = boottime()
        seen = {}
        for gate in gates:
            reports, since_ns = self._reports.get(gate.gate_id, (-1, 0))
            if gate.reports != reports:
                reports, since_ns = gate.reports, answered_ns
            elif not gate.lapsed and asked_ns - since_ns > receipts.surely_over_ns(gate.stale_after_ms):
                await receipts.lapse(conn, gate.gate_id, reports)
                logger.info("the gate on %s is gone: it has not reported for %d ms", gate.machine, gate.stale_after_ms)
            seen[gate.gate_id] = (reports, since_ns)
        self._reports = seen
        if self._history != (epoch, timeline):
            self._history, self._since_ns, self._settled = (epoch, timeline), answered_ns, False
        if self._settled or not gates:
            return
        if asked_ns - self._since_ns > receipts.surely_over_ns(gates[0].longest_lease_ms):
            await receipts.settle(conn, epoch, timeline)
            self._settled = True
