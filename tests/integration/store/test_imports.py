"""Imports: keys that are added many at a time, and those that are there already."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import asyncpg
import msgspec
import pytest

from keystile.store import feed, imports, keys
from keystile.store.pool import Connection
from keystile.store.records import ImportedKey


def imported(new_key: Any, **fields: Any) -> ImportedKey:
    return ImportedKey(imported_as=7, **msgspec.structs.asdict(new_key(**fields)))


async def test_what_is_there_is_left_alone(db: Connection, new_key: Any) -> None:
    first, second = imported(new_key), imported(new_key, scopes=[], note="A note.")
    assert await imports.insert(db, [first], "test") == {first.id}
    other = msgspec.structs.replace(first, name="Another")
    same_secret = imported(new_key, digest=first.digest)
    assert await imports.insert(db, [other, second, same_secret], "test") == {second.id}
    row = await keys.get(db, first.id, "acme")
    assert row is not None
    assert (row.name, row.scopes, row.created_by) == ("A key", ["PSA", "CRM"], "test")
    async with db.transaction():
        known = await imports.known(db, [first.id, same_secret.id], [second.digest])
    assert known.by_id == {first.id: ("acme", 7), second.id: ("acme", 7)}
    assert known.digests == {first.digest, second.digest}


async def test_a_secret_before_a_rotation_is_known(db: Connection, new_key: Any) -> None:
    row, old = new_key(), os.urandom(32)
    await keys.insert(db, msgspec.structs.replace(row, digest=old))
    await keys.rotate(db, row.id, "acme", digest=row.digest, start="tos_0000", last4="0000", overlap_seconds=60)
    async with db.transaction():
        assert (await imports.known(db, [], [old])).digests == {old, row.digest}


@pytest.mark.parametrize(
    "fields", [{"tenant": "absent"}, {"tier": "Absent"}, {"scopes": ["PSA", "Absent"]}, {"scopes": ["PSA", "PSA"]}]
)
async def test_one_that_does_not_fit_the_catalogue_adds_none(
    db: Connection, new_key: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await imports.insert(db, [imported(new_key), imported(new_key, **fields)], "test")
    assert await db.fetchval("SELECT count(*) FROM keys") == 0


async def test_only_an_imported_key_may_be_without_start_and_end(db: Connection, new_key: Any) -> None:
    bare = {"start": "", "last4": ""}
    await imports.insert(db, [imported(new_key, **bare)], "test")
    for fields in ({"start": ""}, {"last4": ""}):
        with pytest.raises(asyncpg.CheckViolationError):
            await keys.insert(db, new_key(**fields))


async def test_peppers_are_noted_once(db: Connection) -> None:
    for fingerprint in (-7, 2**63 - 1, -7):
        await imports.note_pepper(db, fingerprint)
    assert await imports.peppers(db) == {-7, 2**63 - 1}


async def test_the_feed_says_that_a_key_was_imported(db: Connection, new_key: Any) -> None:
    own, other = new_key(), imported(new_key)
    before = await feed.revision(db)
    await keys.insert(db, own)
    await imports.insert(db, [other], "test")
    expected = {own.id: False, other.id: True}
    assert {key.id: key.imported for key in (await feed.poll(db, before)).keys} == expected
    assert {key.id: key.imported for key in (await feed.snapshot(db)).keys} == expected


async def test_a_poll_looks_at_each_change_a_few_times_only(db: Connection, new_key: Any) -> None:
    """A thousand changes share a revision; reading its time again for each of them would be a million."""
    before = await feed.revision(db)
    await imports.insert(db, [imported(new_key) for _ in range(1_000)], "test")
    plan = await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {feed.sql('feed_poll')}", before, 5_000)
    loops = [int(found) for found in re.findall(r'"Relation Name": "changes".*?"Actual Loops": (\d+)', plan, re.DOTALL)]
    assert json.loads(plan)
    assert loops
    assert max(loops) == 1
