"""Agents without one of their mechanisms. The tests' checker must notice each of them.

Each function takes one mechanism out of the process that calls it, which is an agent about to start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from keystile._core import boottime
from keystile.agent.follower import Follower
from keystile.store import feed, usage
from keystile.store.pool import Connection
from keystile.store.receipts import Report
from keystile.store.records import Poll, UsageRow


def _after_init(change: Callable[[Any], None]) -> None:
    init = Follower.__init__

    def changed(self: Follower, *args: Any) -> None:
        init(self, *args)
        change(self)

    Follower.__init__ = changed  # type: ignore[method-assign]


def endless_lease() -> None:
    """The lease never ends."""

    def change(follower: Any) -> None:
        follower._stale_after_ns = 10**18

    _after_init(change)


def lease_from_arrival() -> None:
    """The lease counts from an answer's arrival instead of its question."""
    lease = Follower._lease

    def changed(self: Follower, sent_ns: int) -> None:
        lease(self, boottime())

    Follower._lease = changed  # type: ignore[method-assign]
    # As its deadline would limit the damage to a quarter of the lease.
    no_deadline()


def no_deadline() -> None:
    """An answer is waited for as long as the connection seems to live."""

    def change(follower: Any) -> None:
        follower._deadline_s = 1e6

    _after_init(change)


def forgetful_reload() -> None:
    """A reload forgets everything before it learns it anew."""
    reload = Follower._reload

    async def changed(self: Follower, conn: Any) -> None:
        self._writer.retain([])
        await asyncio.sleep(0.05)
        await reload(self, conn)

    Follower._reload = changed  # type: ignore[method-assign]


def no_hint() -> None:
    """Nobody is woken before the next poll."""
    Follower._on_hint = lambda *_: None  # type: ignore[method-assign]


def no_doubt() -> None:
    """What is no longer kept is not missed: whatever a poll brings is taken for all that there was."""
    poll = feed.poll

    async def changed(conn: Connection, after_rev: int, **options: Any) -> Poll:
        answer = await poll(conn, after_rev, **options)
        return msgspec.structs.replace(answer, revs_seen=answer.rev - after_rev, oldest_rev=0)

    feed.poll = changed
    Report.goes_on_from = lambda *_: True  # type: ignore[method-assign]
    Report.was_set_back = lambda *_: False  # type: ignore[method-assign]


def repeating_feed() -> None:
    """No mutation, but a bad network: each page carries everything of the last 50 revisions once more."""
    poll = feed.poll

    async def changed(conn: Connection, after_rev: int, **options: Any) -> Poll:
        before = max(0, after_rev - 50)
        answer = await poll(conn, before, **options)
        seen = max(0, answer.revs_seen - (after_rev - before))
        return msgspec.structs.replace(answer, after_rev=after_rev, revs_seen=seen, keys=answer.keys * 2)

    feed.poll = changed


def shuffling_feed() -> None:
    """The same, and the keys of a page in the reverse order."""
    repeating_feed()
    poll = feed.poll

    async def changed(conn: Connection, after_rev: int, **options: Any) -> Poll:
        answer = await poll(conn, after_rev, **options)
        return msgspec.structs.replace(answer, keys=answer.keys[::-1])

    feed.poll = changed


def naive_counts() -> None:
    """What is new is sent as a difference, and once more if its arrival is in doubt."""
    flush = usage.flush
    acknowledged: dict[str, UsageRow] = {}

    async def changed(conn: Connection, gate_id: bytes, machine: str, rows: Sequence[UsageRow], *more: Any) -> int:
        new = [_difference(row, acknowledged.get(row.key_id)) for row in rows]
        await conn.execute("DELETE FROM usage_marks WHERE gate_id = $1", gate_id)
        flushes = await flush(conn, gate_id, machine, new, *more)
        acknowledged.update({row.key_id: row for row in rows})
        return flushes

    usage.flush = changed


def _difference(row: UsageRow, before: UsageRow | None) -> UsageRow:
    if before is None:
        return row
    return msgspec.structs.replace(row, requests=row.requests - before.requests)
