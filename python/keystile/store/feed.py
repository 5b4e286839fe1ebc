"""The change feed: gapless revisions, read by polling. NOTIFY on CHANNEL is a hint to poll at once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import asyncpg

from keystile.errors import StoreError
from keystile.store.pool import Connection
from keystile.store.records import GateKey, Poll, Snapshot, TierQuota
from keystile.store.sql import sql

CHANNEL = "keystile_feed"
POLL_CHANGES = 5_000
"""About how many changes one poll carries."""

_ROWS_AT_ONCE = 5_000


async def settle(conn: Connection) -> int:
    """The revision that makes this transaction's changes known, or the current one if it made none.

    The last call of a transaction: from here to the commit every other writer waits.
    """
    if not conn.is_in_transaction():
        raise StoreError("the feed settles inside a transaction only")
    await conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return await revision(conn)


async def revision(conn: Connection) -> int:
    """The latest revision: what this connection has read was made known by it, or earlier."""
    return _clock(await conn.fetchrow(sql("feed_rev")))["rev"]  # type: ignore[no-any-return]


async def poll(conn: Connection, after_rev: int, *, most_changes: int = POLL_CHANGES) -> Poll:
    """What changed after a revision: one statement, one snapshot.

    Load everything again (`snapshot`) when the epoch or the timeline is not the last answer's, or when this
    one is not `complete`.
    """
    records = await conn.fetch(sql("feed_poll"), after_rev, most_changes)
    head = _clock(records[0] if records else None)
    touched = [record for record in records if record["ref"] is not None]
    return Poll(
        epoch=head["epoch"],
        timeline=head["timeline"],
        replica=head["replica"],
        now=head["now"],
        after_rev=after_rev,
        rev=head["rev"],
        head=head["head"],
        oldest_rev=head["oldest_rev"],
        revs_seen=head["revs_seen"],
        stamp=head["stamp"],
        keys=[_gate_key(record) for record in touched if record["id"] is not None],
        removed=[record["ref"] for record in touched if record["id"] is None],
        catalogue_changed=head["catalogue_changed"],
    )


async def snapshot(conn: Connection, *, on_progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Everything a gate needs, as of one moment: one REPEATABLE READ transaction.

    `on_progress` is called after each answer of the database with the number of keys read so far, for a caller that
    limits how long one may take.
    """
    keys: list[GateKey] = []
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        head = _clock(await conn.fetchrow(sql("feed_head")))
        scopes, tiers = await catalogue(conn)
        cursor = await conn.cursor(sql("feed_keys"))
        while records := await cursor.fetch(_ROWS_AT_ONCE):
            keys.extend(_gate_key(record) for record in records)
            on_progress(len(keys))
    return Snapshot(
        epoch=head["epoch"],
        timeline=head["timeline"],
        replica=head["replica"],
        now=head["now"],
        rev=head["rev"],
        stamp=head["stamp"],
        scopes=scopes,
        tiers=tiers,
        keys=keys,
    )


async def break_epoch(conn: Connection, epoch: UUID) -> None:
    """End `epoch`, if it still is the present one: every gate then loads everything again."""
    await conn.execute(sql("feed_break"), epoch)


async def prune(conn: Connection, older_than_s: float) -> None:
    """Forget old changes; a gate that is further behind loads everything again."""
    await conn.execute(sql("feed_prune"), older_than_s)


async def catalogue(conn: Connection) -> tuple[list[str], list[TierQuota]]:
    """The names of the scopes and the tiers, each in their configured order."""
    scopes = await conn.fetch(sql("scope_list"))
    tiers = await conn.fetch(sql("tier_list"))
    return [record["name"] for record in scopes], [TierQuota(**record) for record in tiers]


def _clock(record: asyncpg.Record | None) -> asyncpg.Record:
    if record is None:
        raise StoreError("the feed has no clock; restore the database or migrate a new one")
    return record


def _gate_key(record: asyncpg.Record) -> GateKey:
    return GateKey(
        id=record["id"],
        tenant=record["tenant"],
        digest=record["digest"],
        previous_digest=record["previous_digest"],
        previous_secret_expires_at=record["previous_secret_expires_at"],
        scopes=record["scopes"],
        tier=record["tier"],
        expires_at=record["expires_at"],
        disabled=record["disabled"],
        revoked_at=record["revoked_at"],
        imported=record["imported"],
    )
