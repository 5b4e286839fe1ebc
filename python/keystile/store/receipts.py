"""Receipts: which gates there are, and what each has shown to have applied.

A gate registers before its first lease and reports with each poll. Nothing here trusts a wall clock or an unwritten
row: that a lease is over is known only from a report that did not change for longer than the lease, seen by one
observer over one connection (`lapse`), or from having waited that long oneself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from keystile.errors import StoreError
from keystile.store.pool import Connection
from keystile.store.sql import sql

_SLACK_NS = 20_000_000


class Registration(Struct, frozen=True, kw_only=True):
    """A gate as it presents itself; `id` has 16 bytes."""

    id: bytes
    machine: str
    version: str
    stale_after_ms: int
    stale_policy: Literal["deny", "allow"]


class Position(Struct, frozen=True):
    """How far a gate has followed which history."""

    epoch: UUID | None = None
    timeline: int = 0
    rev: int = 0
    stamp: datetime | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The database's answer to a gate's report, as of one moment."""

    epoch: UUID
    timeline: int
    head: int
    stamp: datetime | None
    """That of the reported revision in this database; None where it is not there, or no longer."""
    now: datetime
    registered: bool
    settled: bool
    """Whether this epoch and timeline have outlasted every lease from before them."""
    absent: int
    """How many other gates that may hold a lease have not reported on this epoch and timeline; 0 once settled."""
    quarantined_since: datetime | None
    needed_epoch: UUID | None
    needed_rev: int | None

    def goes_on_from(self, position: Position) -> bool:
        """Whether this is the history that `position` is in."""
        return (
            (self.epoch, self.timeline) == (position.epoch, position.timeline)
            and self.head >= position.rev
            and self.stamp == position.stamp
        )

    def was_set_back(self, position: Position) -> bool:
        """Whether this is the same database, but of before `position`: it lost what it had told."""
        if (self.epoch, self.timeline) != (position.epoch, position.timeline):
            return False
        # Old changes are pruned: then the stamp of a revision that is there is not to be had.
        pruned = self.stamp is None and self.head > position.rev
        return self.head < position.rev or (self.stamp != position.stamp and not pruned)


class Standing(Struct, frozen=True, kw_only=True):
    """How one gate stands to a revision."""

    gate: str
    """Its id in hex."""
    machine: str
    stale_after_ms: int
    stale_policy: str
    lapsed: bool
    applied: bool


class Standings(Struct, frozen=True, kw_only=True):
    """How all gates stand to a revision; those of whom nothing is to be feared are left out."""

    head: int
    longest_lease_ms: int
    known_to_all: bool
    """Whether every lease is one of a gate that is registered here: not so shortly after a failover."""
    gates: list[Standing]


class GateReceipt(Struct, frozen=True, kw_only=True):
    """One registered gate."""

    gate_id: bytes
    machine: str
    version: str
    stale_after_ms: int
    stale_policy: str
    registered_at: datetime
    seen_at: datetime
    reports: int
    applied_rev: int
    lapsed: bool
    longest_lease_ms: int
    """The longest lease that any gate ever had here."""


async def register(conn: Connection, gate: Registration) -> None:
    """Make a gate known before it holds a lease; on disk when this returns."""
    async with conn.transaction():
        await conn.execute("SET LOCAL synchronous_commit = on")
        await conn.execute(
            sql("receipt_register"), gate.id, gate.machine, gate.version, gate.stale_after_ms, gate.stale_policy
        )


async def report(
    conn: Connection, gate_id: bytes, position: Position, lease_ms: int | None, *, durable: bool = True
) -> Report:
    """Note what a gate has applied, and learn where the feed stands: one statement, one snapshot.

    `lease_ms`: how long its leases are; None while it may hold one that an agent before this one gave. Not `durable`:
    what is applied would be forgotten with the gate's machine, and is no receipt.
    StoreError for a replica.
    """
    try:
        record = await conn.fetchrow(
            sql("receipt_report"),
            gate_id,
            position.epoch,
            position.timeline,
            position.rev,
            position.stamp,
            lease_ms,
            durable,
        )
    except asyncpg.ReadOnlySQLTransactionError:
        raise StoreError("the database is a read-only replica; point keystile at the primary") from None
    if record is None:
        raise StoreError("the feed has no clock; restore the database or migrate a new one")
    return Report(**record)


async def standings(conn: Connection, rev: int) -> Standings:
    """How every gate stands to a revision."""
    records = await conn.fetch(sql("receipt_standing"), rev)
    if not records:
        raise StoreError("the feed has no clock; restore the database or migrate a new one")
    fields = Standing.__struct_fields__
    return Standings(
        head=records[0]["head"],
        longest_lease_ms=records[0]["longest_lease_ms"],
        known_to_all=records[0]["known_to_all"],
        gates=[Standing(**{name: row[name] for name in fields}) for row in records if row["gate"] is not None],
    )


async def every(conn: Connection) -> list[GateReceipt]:
    """Every registered gate, in the order in which they registered."""
    return [GateReceipt(**record) for record in await conn.fetch(sql("receipt_list"))]


async def lapse(conn: Connection, gate_id: bytes, reports: int) -> None:
    """Note that a gate holds no lease any more, unless it has reported since its report number `reports`."""
    await conn.execute(sql("receipt_lapse"), gate_id, reports)


async def settle(conn: Connection, epoch: UUID, timeline: int) -> None:
    """Note that every lease from before this epoch and timeline has ended."""
    await conn.execute(sql("feed_settle_state"), epoch, timeline)


async def forget(conn: Connection, unseen_s: float) -> None:
    """Forget gates that hold no lease and were not seen for so many seconds."""
    await conn.execute(sql("receipt_forget"), unseen_s)


def surely_over_ns(lease_ms: int) -> int:
    """After how long by one machine's clock a lease is over by another's: clocks do not run quite alike."""
    return lease_ms * 1_001_000 + _SLACK_NS
