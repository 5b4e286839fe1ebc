"""Gates that report."""

from __future__ import annotations

import asyncpg
import pytest

from keystile.store import gates, usage
from keystile.store.pool import Connection


async def test_a_gate_is_seen_again_and_again(db: Connection) -> None:
    gate = bytes(range(16))
    await gates.seen(db, gate, "one", 7)
    (first,) = await gates.every(db)
    assert (first.id, first.machine, first.applied_rev) == (gate, "one", 7)
    await usage.flush(db, gate, "renamed", [])
    await gates.seen(db, b"z" * 16, "two")
    again, other = await gates.every(db)
    assert (again.machine, again.applied_rev, again.first_seen) == ("renamed", 7, first.first_seen)
    assert again.last_seen > first.last_seen
    assert other.applied_rev == 0
    await gates.seen(db, gate, "one", 3)
    assert (await gates.every(db))[0].applied_rev == 3


async def test_an_id_has_16_bytes(db: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await gates.seen(db, b"short", "one")
