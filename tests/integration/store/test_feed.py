"""The feed: every change that gates must know of has a revision, without gaps, and nothing else has."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from keystile.errors import StoreError
from keystile.store import feed, keys
from keystile.store.pool import Connection, connect


async def head(db: Connection) -> int:
    return (await feed.poll(db, 0)).head


async def test_a_change_is_found_by_the_revision_that_settle_gave(db: Connection, new_key: Any) -> None:
    before = await head(db)
    new = new_key()
    async with db.transaction():
        await keys.insert(db, new)
        revision = await feed.settle(db)
    assert revision == before + 1
    poll = await feed.poll(db, before)
    assert (poll.rev, poll.head, poll.revs_seen, poll.complete) == (revision, revision, 1, True)
    assert not poll.catalogue_changed
    (key,) = poll.keys
    assert (key.id, key.digest, key.scopes, key.tier) == (new.id, new.digest, ["PSA", "CRM"], "Standard")
    assert (key.revoked, key.disabled, key.previous_digest) == (False, False, None)
    assert not poll.replica
    assert poll.timeline == 1


async def test_a_quiet_poll_is_complete_and_empty(db: Connection) -> None:
    poll = await feed.poll(db, await head(db))
    assert (poll.keys, poll.removed, poll.catalogue_changed, poll.complete) == ([], [], False, True)


async def test_a_rolled_back_change_uses_no_revision(db: Connection, new_key: Any) -> None:
    before = await head(db)
    transaction = db.transaction()
    await transaction.start()
    await keys.insert(db, new_key())
    assert await feed.settle(db) == before + 1
    await transaction.rollback()
    assert await head(db) == before


async def test_a_rolled_back_savepoint_takes_its_revision_back(db: Connection, new_key: Any) -> None:
    before = await head(db)
    kept, dropped = new_key(), new_key()
    async with db.transaction():
        savepoint = db.transaction()
        await savepoint.start()
        await keys.insert(db, dropped)
        assert await feed.settle(db) == before + 1
        await savepoint.rollback()
        await keys.insert(db, kept)
        assert await feed.settle(db) == before + 1
    poll = await feed.poll(db, before)
    assert [key.id for key in poll.keys] == [kept.id]
    assert poll.complete


async def test_settle_outside_a_transaction_is_refused(db: Connection) -> None:
    with pytest.raises(StoreError):
        await feed.settle(db)


async def test_settle_without_changes_gives_the_current_revision(db: Connection) -> None:
    async with db.transaction():
        assert await feed.settle(db) == (await feed.poll(db, 0)).head


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE keys SET disabled = true",
        "UPDATE keys SET scopes = '{}'",
        "UPDATE keys SET tier = 'Enterprise'",
        "UPDATE keys SET expires_at = now()",
        "UPDATE keys SET revoked_at = now()",
        "UPDATE keys SET digest = sha256('x')",
        "UPDATE keys SET previous_digest = sha256('x'), previous_secret_expires_at = now()",
        "UPDATE keys SET tenant = 'globex'",
        "DELETE FROM keys",
    ],
)
async def test_a_change_by_hand_is_propagated(db: Connection, new_key: Any, change: str) -> None:
    new = new_key()
    await keys.insert(db, new)
    before = await head(db)
    await db.execute(change)
    poll = await feed.poll(db, before)
    assert (poll.rev, poll.complete) == (before + 1, True)
    assert [key.id for key in poll.keys] + poll.removed == [new.id]
    assert bool(poll.removed) == change.startswith("DELETE")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE keys SET name = 'x', note = 'y', created_by = 'z', last4 = 'abcd'",
        "UPDATE keys SET disabled = disabled, tier = tier",
        "UPDATE scopes SET grants = 'other words'",
        "UPDATE tenants SET name = 'x'",
    ],
)
async def test_what_no_gate_needs_is_not_in_the_feed(db: Connection, new_key: Any, change: str) -> None:
    await keys.insert(db, new_key())
    before = await head(db)
    await db.execute(change)
    assert await head(db) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tiers SET rate = 61 WHERE name = 'Standard'",
        "INSERT INTO scopes VALUES ('New', '', 99)",
        "DELETE FROM scopes WHERE name = 'Voice'",
        "UPDATE scopes SET position = position + 1",
    ],
)
async def test_catalogue_changes_are_announced(db: Connection, change: str) -> None:
    before = await head(db)
    await db.execute(change)
    poll = await feed.poll(db, before)
    assert (poll.catalogue_changed, poll.keys, poll.complete) == (True, [], True)


@pytest.mark.parametrize("table", ["keys", "scopes", "tiers"])
async def test_truncate_ends_the_epoch(db: Connection, table: str) -> None:
    before = (await feed.poll(db, 0)).epoch
    await db.execute(f"TRUNCATE {table}")
    assert (await feed.poll(db, 0)).epoch != before


async def test_a_bulk_change_is_cut_into_polls_between_revisions(db: Connection, new_key: Any) -> None:
    before = await head(db)
    async with db.transaction():
        for _ in range(50):
            await keys.insert(db, new_key())
        await db.execute(
            """INSERT INTO keys (id, tenant, name, start, last4, digest, scopes, tier, created_by)
               SELECT 'key_1' || lpad(n::text, 25, '0'), 'acme', 'n', 'tos_', 'last', sha256(n::text::bytea),
                      '{PSA}', 'Standard', 'test'
               FROM generate_series(1, 2950) n"""
        )
        assert await feed.settle(db) == before + 3
    seen: set[str] = set()
    after, polls = before, 0
    while True:
        poll = await feed.poll(db, after, most_changes=700)
        assert poll.complete
        assert poll.head == before + 3
        if poll.rev == after:
            break
        polls += 1
        seen |= {key.id for key in poll.keys}
        after = poll.rev
    assert (after, polls, len(seen)) == (before + 3, 3, 3000)


async def test_missing_revisions_are_noticed(db: Connection, new_key: Any) -> None:
    for _ in range(3):
        await keys.insert(db, new_key())
    top = await head(db)
    await db.execute("DELETE FROM changes WHERE rev = $1", top - 1)
    assert not (await feed.poll(db, top - 2)).complete
    assert (await feed.poll(db, top - 1)).complete
    await db.execute("DELETE FROM changes WHERE rev < $1", top)
    poll = await feed.poll(db, 0)
    assert (poll.complete, poll.oldest_rev) == (False, top)
    # A cursor from the future: the database is an older backup.
    assert not (await feed.poll(db, top + 5)).complete


async def test_the_feed_wakes_its_listeners(db: Connection, database_url: str, new_key: Any) -> None:
    woken = asyncio.Event()
    listener = await connect(database_url)
    try:
        await listener.add_listener(feed.CHANNEL, lambda *_: woken.set())
        await keys.insert(db, new_key())
        await asyncio.wait_for(woken.wait(), 5)
    finally:
        await listener.close()


async def test_a_snapshot_is_everything_at_its_revision(db: Connection, new_key: Any) -> None:
    rows = [await keys.insert(db, new_key()) for _ in range(3)]
    await keys.revoke(db, rows[0].id, None, None)
    snapshot = await feed.snapshot(db)
    assert snapshot.rev == await head(db)
    assert snapshot.scopes[:2] == ["PSA", "CRM"]
    assert len(snapshot.scopes) == 10
    assert snapshot.tiers[0] == ("Standard", 60, 100)
    assert {key.id: key.revoked for key in snapshot.keys} == {
        rows[0].id: True,
        rows[1].id: False,
        rows[2].id: False,
    }
    assert "digest" not in repr(snapshot)
    assert (await feed.catalogue(db)) == (snapshot.scopes, snapshot.tiers)


async def test_sixteen_writers_and_a_follower_that_misses_nothing(
    db: Connection, database_url: str, new_key: Any
) -> None:
    rows = [await keys.insert(db, new_key(name="0")) for _ in range(16)]
    start = await head(db)
    stopped = asyncio.Event()

    async def write(key_id: str) -> list[bytes]:
        own = await connect(database_url)
        written = []
        try:
            for number in range(12):
                digest = secrets.token_bytes(32)
                transaction = own.transaction()
                await transaction.start()
                await own.execute("UPDATE keys SET digest = $2 WHERE id = $1", key_id, digest)
                if number % 3 == 0:
                    await feed.settle(own)
                await own.execute("SELECT pg_sleep(random() / 200)")
                if number % 4 == 3:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    written.append(digest)
        finally:
            await own.close()
        return written

    async def follow() -> tuple[int, dict[str, bytes]]:
        known: dict[str, bytes] = {}
        after = start
        while True:
            last = stopped.is_set()
            poll = await feed.poll(db, after)
            assert poll.complete
            known |= {key.id: key.digest for key in poll.keys}
            after = poll.rev
            if last and poll.rev == poll.head:
                return after, known

    following = asyncio.create_task(follow())
    written = await asyncio.gather(*(write(row.id) for row in rows))
    stopped.set()
    after, known = await following
    assert after == start + sum(len(one) for one in written) == start + 16 * 9
    assert known == {row.id: one[-1] for row, one in zip(rows, written, strict=True)}


async def test_the_first_to_write_may_be_the_last_to_commit(db: Connection, database_url: str, new_key: Any) -> None:
    """The feed misses nothing then; a cursor on a sequence, in the same order of events, does."""
    slow_key, quick_key = [await keys.insert(db, new_key()) for _ in range(2)]
    await db.execute("CREATE TABLE events (number bigserial, key_id text)")
    after, last_number = await head(db), 0
    by_feed: set[str] = set()
    by_sequence: set[str] = set()

    async def change(conn: Connection, key_id: str) -> None:
        await conn.execute("UPDATE keys SET disabled = true WHERE id = $1", key_id)
        await conn.execute("INSERT INTO events (key_id) VALUES ($1)", key_id)

    async def follow() -> None:
        nonlocal after, last_number
        poll = await feed.poll(db, after)
        assert poll.complete
        after = poll.rev
        by_feed.update(key.id for key in poll.keys)
        for number, key_id in await db.fetch("SELECT * FROM events WHERE number > $1", last_number):
            last_number = max(last_number, number)
            by_sequence.add(key_id)

    slow = await connect(database_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await change(slow, slow_key.id)
        await change(db, quick_key.id)
        await follow()
        await transaction.commit()
        await follow()
    finally:
        await slow.close()
    assert by_feed == {slow_key.id, quick_key.id}
    assert by_sequence == {quick_key.id}
