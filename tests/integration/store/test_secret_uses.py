"""The last use of each of a key's two secrets: since the rotation, never back, and only while the overlap runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from keystile.store import keys, usage
from keystile.store.pool import Connection
from keystile.store.records import KeyRow, PreviousSecretUse, SecretUse, SecretUses, UsageRow

GATE, OTHER_GATE = b"a" * 16, b"b" * 16
MS = timedelta(milliseconds=1)


@pytest.fixture
async def key(db: Connection, new_key: Any) -> KeyRow:
    return await keys.insert(db, new_key())


async def _rotated(db: Connection, key: KeyRow, overlap_seconds: int = 3_600) -> KeyRow:
    new = {"digest": token_bytes(32), "start": "tos_abcd", "last4": "wxyz"}
    row = await keys.rotate(db, key.id, None, overlap_seconds=overlap_seconds, **new)
    assert row is not None
    return row


async def _digest(db: Connection, key: KeyRow) -> bytes:
    return await db.fetchval("SELECT digest FROM keys WHERE id = $1", key.id)  # type: ignore[no-any-return]


async def _uses(db: Connection, key: KeyRow) -> SecretUses:
    report = await usage.report(db, key.id, 1)
    assert report is not None
    return report.secrets


def _row(
    key: KeyRow, digest: bytes, requests: int, current: datetime | None, previous: datetime | None = None
) -> UsageRow:
    """What a gate reports that knows the secret with this `digest` as the current one."""
    return UsageRow(
        key_id=key.id,
        requests=requests,
        last_used_at=max(moment for moment in (current, previous) if moment is not None),
        current_used_at=current,
        previous_used_at=previous,
        digest=digest,
    )


def _told(row: KeyRow, current: datetime | None, previous: datetime | None) -> SecretUses:
    ends = row.previous_secret_expires_at
    assert ends is not None
    return SecretUses(
        current=SecretUse(last_used_at=current),
        previous=PreviousSecretUse(last_used_at=previous, expires_at=ends),
    )


async def _past(db: Connection, moment: datetime) -> None:
    """Times of use are held to the database's: wait for it to be later."""
    await db.execute("SELECT pg_sleep_until($1)", moment)


async def test_a_key_that_was_never_rotated(db: Connection, key: KeyRow) -> None:
    assert await _uses(db, key) == SecretUses(current=SecretUse(last_used_at=None), previous=None)
    now = await db.fetchval("SELECT statement_timestamp()")
    await usage.flush(db, GATE, "m", [_row(key, await _digest(db, key), 1, now)])
    assert await _uses(db, key) == SecretUses(current=SecretUse(last_used_at=now), previous=None)


async def test_each_secret_has_its_last_use_since_the_rotation(db: Connection, key: KeyRow) -> None:
    before = await db.fetchval("SELECT statement_timestamp()")
    await usage.flush(db, GATE, "m", [_row(key, await _digest(db, key), 1, before, before - MS)])
    row = await _rotated(db, key)
    assert row.rotated_at is not None
    assert await _uses(db, key) == _told(row, None, None)
    old, new = row.rotated_at + MS, row.rotated_at + 2 * MS
    await _past(db, new)
    await usage.flush(db, GATE, "m", [_row(key, await _digest(db, key), 2, None, old)])
    assert await _uses(db, key) == _told(row, None, old)
    await usage.flush(db, GATE, "m", [_row(key, await _digest(db, key), 3, new, old)])
    assert await _uses(db, key) == _told(row, new, old)
    # What was the current one is the old one now, and its uses were before.
    again = await _rotated(db, key)
    assert await _uses(db, key) == _told(again, None, None)


async def test_a_use_never_goes_back(db: Connection, key: KeyRow) -> None:
    row = await _rotated(db, key)
    assert row.rotated_at is not None
    first, second, third = (row.rotated_at + number * MS for number in (1, 2, 3))
    await _past(db, third)
    digest = await _digest(db, key)
    older, newer = _row(key, digest, 1, first, second), _row(key, digest, 2, second, third)
    await usage.flush(db, GATE, "m", [newer])
    await usage.flush(db, GATE, "m", [older])
    assert await _uses(db, key) == _told(row, second, third)
    # Another gate knows of older uses, or of those of one secret alone; so does one row of two for a key.
    await usage.flush(db, OTHER_GATE, "m", [_row(key, digest, 1, None, first)])
    await usage.flush(db, OTHER_GATE, "m", [_row(key, digest, 2, third), _row(key, digest, 1, first, second)])
    assert await _uses(db, key) == _told(row, third, third)
    # One whose clock is ahead.
    await usage.flush(db, OTHER_GATE, "m", [_row(key, digest, 3, third + timedelta(days=1))])
    found = await _uses(db, key)
    assert found.current.last_used_at is not None
    assert found.current.last_used_at <= await db.fetchval("SELECT statement_timestamp()")


async def test_a_gate_that_has_not_heard_of_the_rotation_reports_the_old_secret(db: Connection, key: KeyRow) -> None:
    old = await _digest(db, key)
    row = await _rotated(db, key)
    assert row.rotated_at is not None
    first, second, third = (row.rotated_at + number * MS for number in (1, 2, 3))
    await _past(db, third)
    await usage.flush(db, GATE, "m", [_row(key, old, 1, second, None)])
    assert await _uses(db, key) == _told(row, None, second)
    await usage.flush(db, OTHER_GATE, "m", [_row(key, old, 1, first, third)])
    assert await _uses(db, key) == _told(row, None, third)
    await usage.flush(db, GATE, "m", [_row(key, await _digest(db, key), 2, first, second)])
    assert await _uses(db, key) == _told(row, first, third)


async def test_the_old_secret_is_told_of_while_it_works(db: Connection, key: KeyRow) -> None:
    await _rotated(db, key, 0)
    assert (await _uses(db, key)).previous is None
    await _rotated(db, key)
    assert (await _uses(db, key)).previous is not None
    await db.execute("UPDATE keys SET previous_secret_expires_at = rotated_at + interval '1 microsecond'")
    assert (await _uses(db, key)).previous is None
    await _rotated(db, key)
    await keys.end_overlap(db, key.id, None)
    assert (await _uses(db, key)).previous is None
    await _rotated(db, key)
    await keys.revoke(db, key.id, None, None)
    assert (await _uses(db, key)).previous is None
