"""Sixteen writers at once, whose commits are delayed: the follower misses none of ten thousand revocations."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import pytest

from keystile import Gate, digest, mint, new_key_id
from keystile.agent.loader import Loader
from keystile.pepper import pepper_bytes
from keystile.settings import Settings, segment_path
from keystile.store.pool import Connection, connect
from tests.integration.following import running

Eventually = Callable[..., Awaitable[None]]
WRITERS = 16
CHANGES = 10_000

INSERT = """INSERT INTO keys (id, tenant, name, start, last4, digest, scopes, tier, created_by)
            SELECT id, 'home', 'A key', 'tos_test', 'last', digest, '{PSA}', 'Enterprise', 'test'
            FROM unnest($1::text[], $2::bytea[]) AS made (id, digest)"""


async def many(conn: Connection, settings: Settings, count: int = CHANGES) -> dict[str, str]:
    """Keys by their ids: their secrets."""
    pepper = pepper_bytes(settings)[0]
    made = {new_key_id(): mint() for _ in range(count)}
    await conn.execute(INSERT, list(made), [digest(secret, pepper) for secret in made.values()])
    return made


async def revoke_each(url: str, key_ids: Iterable[str], seed: int) -> None:
    """One transaction for each key, which waits a while between its change and its commit."""
    chance = random.Random(seed)
    conn = await connect(url, durable=False)
    try:
        for key_id in key_ids:
            async with conn.transaction():
                await conn.execute("UPDATE keys SET revoked_at = now() WHERE id = $1", key_id)
                await conn.execute("INSERT INTO events (key_id) VALUES ($1)", key_id)
                if chance.random() < 0.1:
                    await asyncio.sleep(chance.random() / 100)
    finally:
        await conn.close()


class SequenceCursor:
    """The follower that everybody writes first: `WHERE number > last`."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._last = 0
        self.seen: set[str] = set()

    async def poll(self) -> None:
        for number, key_id in await self._conn.fetch("SELECT * FROM events WHERE number > $1", self._last):
            self._last = max(self._last, number)
            self.seen.add(key_id)


async def test_none_is_missed_and_a_cursor_on_a_sequence_misses_some(
    settings: Settings,
    conn: Connection,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    settings = msgspec.structs.replace(settings, capacity=2 * CHANGES, stale_after_ms=10_000)
    url = str(settings.database_url)
    made = await many(conn, settings)
    await conn.execute("CREATE TABLE events (number bigserial, key_id text)")
    loads = 0
    load = Loader.load

    async def counted(self: Loader, *snapshot: object) -> None:
        nonlocal loads
        loads += 1
        await load(self, *snapshot)  # type: ignore[arg-type]

    monkeypatch.setattr(Loader, "load", counted)
    cursor = SequenceCursor(conn)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        assert all(gate.check(secret) for secret in made.values())
        shares = [list(made)[number::WRITERS] for number in range(WRITERS)]
        writing = asyncio.gather(*(revoke_each(url, share, seed) for seed, share in enumerate(shares)))
        while not writing.done():
            await cursor.poll()
            await asyncio.sleep(0.005)
        await writing
        await cursor.poll()
        revision = await conn.fetchval("SELECT rev FROM feed_clock")
        await eventually(lambda: gate.applied_revision >= revision)
        passed = [key_id for key_id, secret in made.items() if gate.check(secret).code != "revoked_key"]
    record_property("missed by the sequence cursor", len(made.keys() - cursor.seen))
    assert passed == []
    assert loads == 1, "by the feed alone, not by loading everything again"
    # The paired test: the same changes, read in the same order of events.
    assert made.keys() - cursor.seen


async def test_an_agent_that_starts_in_the_middle_misses_none_either(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    """What was committed while it loaded everything is either in what it loaded or in the feed after that."""
    settings = msgspec.structs.replace(settings, capacity=2 * CHANGES, stale_after_ms=10_000)
    made = await many(conn, settings, 3_000)
    await conn.execute("CREATE TABLE events (number bigserial, key_id text)")
    shares = [list(made)[number::WRITERS] for number in range(WRITERS)]
    url = str(settings.database_url)
    writing = asyncio.gather(*(revoke_each(url, share, seed) for seed, share in enumerate(shares)))
    await eventually(lambda: conn.fetchval("SELECT count(*) > 300 FROM keys WHERE revoked_at IS NOT NULL"))
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        loaded = gate.applied_revision
        assert not writing.done()
        await writing
        revision = await conn.fetchval("SELECT rev FROM feed_clock")
        assert revision > loaded
        await eventually(lambda: gate.applied_revision >= revision)
        assert [key_id for key_id, secret in made.items() if gate.check(secret).code != "revoked_key"] == []
