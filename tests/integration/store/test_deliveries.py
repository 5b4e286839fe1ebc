"""The outbox: who gets what, for how long, and what a report from the past changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from keystile import new_key_id
from keystile.store import deliveries, keys, tenants, webhooks
from keystile.store.deliveries import Claim
from keystile.store.pool import Connection, connect
from keystile.store.records import NewKey
from tests.integration.machine import furnish

Eventually = Callable[..., Awaitable[None]]
EVENTS = ["key.created", "key.revoked"]
LONG_S = 60.0


@pytest.fixture(autouse=True)
async def _furnished(conn: Connection) -> None:
    await furnish(conn)
    await tenants.insert(conn, "other", "Another tenant")


async def hook(conn: Connection, tenant: str = "home") -> str:
    new = "wh_" + new_key_id().removeprefix("key_")
    url = "https://nobody.invalid/"
    await webhooks.insert(
        conn, new, tenant=tenant, url=url, events=EVENTS, note=None, secret=b"sealed", created_by="test"
    )
    return new


async def key(conn: Connection, tenant: str = "home") -> str:
    new = new_key_id()
    digest = new.encode().ljust(32)[-32:]
    row = NewKey(
        id=new,
        tenant=tenant,
        name="x",
        start="tos_0000",
        last4="0000",
        digest=digest,
        scopes=[],
        tier="Standard",
        created_by="test",
    )
    await keys.insert(conn, row)
    return new


async def take(conn: Connection, *, most: int = 100, each: int = 100) -> list[Claim]:
    """All that can be had."""
    found: list[Claim] = []
    while True:
        claims, touched = await deliveries.claim(conn, most=most, most_each=each, under_way={}, seconds=LONG_S)
        found += claims
        if not touched or len(found) >= most:
            return found


async def lapse(conn: Connection) -> None:
    """Let every claim be over, and every pause."""
    await conn.execute("UPDATE webhook_deliveries SET due_at = now() - interval '1 second' WHERE status = 'waiting'")


async def statuses(conn: Connection) -> list[tuple[str, int]]:
    rows = await conn.fetch("SELECT status, attempts FROM webhook_deliveries ORDER BY seq")
    return [(row["status"], row["attempts"]) for row in rows]


async def test_of_one_key_only_the_first_is_given(conn: Connection) -> None:
    await hook(conn)
    one, two = await key(conn), await key(conn)
    await keys.revoke(conn, one, None, None)
    first = sorted(await take(conn), key=lambda claim: two in claim.payload)
    assert {(one.webhook_id, one.attempt) for one in first} == {(first[0].webhook_id, 1)}
    assert [('"key.created"' in one.payload, two in one.payload) for one in first] == [(True, False), (True, True)]
    assert await take(conn) == []
    await lapse(conn)  # whoever had them is dead
    again = sorted(await take(conn), key=lambda claim: two in claim.payload)
    assert [(one.id, one.attempt) for one in again] == [(one.id, 2) for one in first]
    await deliveries.done(conn, again[0].id, 2, 200)
    (second,) = await take(conn)
    assert '"key.revoked"' in second.payload


async def test_a_report_from_the_past_changes_nothing(conn: Connection) -> None:
    webhook = await hook(conn)
    await key(conn)
    (first,) = await take(conn)
    await lapse(conn)
    (second,) = await take(conn)
    await deliveries.done(conn, first.id, first.attempt, 200)
    late = await deliveries.failed(conn, first.id, first.attempt, status=500, error="Late.", again_s=None)
    assert late is None
    assert await statuses(conn) == [("waiting", 2)]
    row = await webhooks.get(conn, webhook, None)
    assert row is not None
    assert row.failing_since is None
    assert await deliveries.failed(conn, first.id, second.attempt, status=500, error="It.", again_s=LONG_S)
    assert await take(conn) == []
    assert 50 < (await deliveries.next_due_s(conn, but=[]) or 0) <= LONG_S
    assert await deliveries.next_due_s(conn, but=[webhook]) is None


async def test_what_stands_behind_a_failure_costs_nothing_until_that_is_due(conn: Connection) -> None:
    await hook(conn)
    one = await key(conn)
    await keys.revoke(conn, one, None, None)
    (first,) = await take(conn)
    await deliveries.failed(conn, first.id, 1, status=None, error="Away.", again_s=LONG_S)
    await lapse_last(conn)
    assert await deliveries.claim(conn, most=9, most_each=9, under_way={}, seconds=LONG_S) == ([], True)
    assert await deliveries.claim(conn, most=9, most_each=9, under_way={}, seconds=LONG_S) == ([], False)
    # Given up, it lets the next one go at once.
    await lapse(conn)
    (again,) = await take(conn)
    await deliveries.failed(conn, again.id, again.attempt, status=None, error="Away.", again_s=None)
    (last,) = await take(conn)
    assert '"key.revoked"' in last.payload


async def lapse_last(conn: Connection) -> None:
    """The last delivery is due, as when it was made."""
    await conn.execute(
        "UPDATE webhook_deliveries SET due_at = now() WHERE seq = (SELECT max(seq) FROM webhook_deliveries)"
    )


async def test_no_webhook_takes_the_room_of_the_others(conn: Connection) -> None:
    busy, idle = await hook(conn), await hook(conn, "other")
    for _ in range(10):
        await key(conn)
    await key(conn, "other")
    claims, _ = await deliveries.claim(conn, most=16, most_each=4, under_way={}, seconds=LONG_S)
    assert sorted(one.webhook_id for one in claims) == sorted([busy] * 4 + [idle])
    for under_way, room in ((4, 0), (3, 1)):
        there = {busy: under_way, idle: 1}
        claims, _ = await deliveries.claim(conn, most=16, most_each=4, under_way=there, seconds=LONG_S)
        assert [one.webhook_id for one in claims] == [busy] * room
    assert len((await deliveries.claim(conn, most=2, most_each=4, under_way={}, seconds=LONG_S))[0]) == 2


async def test_many_at_once_get_each_delivery_once(conn: Connection, database_url: str) -> None:
    await hook(conn)
    for _ in range(30):
        await key(conn)
    couriers = [await connect(database_url) for _ in range(5)]
    try:
        taken = [one.id for found in await asyncio.gather(*(take(one, each=3) for one in couriers)) for one in found]
    finally:
        for one in couriers:
            await one.close()
    assert len(taken) == len(set(taken)) == 30


async def test_what_is_being_tried_is_not_tried_twice_at_once(conn: Connection) -> None:
    webhook = await hook(conn)
    await key(conn)
    (claim,) = await take(conn)
    again = await deliveries.retry(conn, webhook, None, claim.id)
    assert again is not None
    assert again.status == "waiting"
    assert await take(conn) == []
    await deliveries.done(conn, claim.id, claim.attempt, 200)
    assert await deliveries.retry(conn, webhook, "other", claim.id) is None
    await deliveries.retry(conn, webhook, "home", claim.id)
    assert [(one.id, one.attempt) for one in await take(conn)] == [(claim.id, 2)]


async def test_a_webhook_that_is_being_removed_holds_up_no_change(conn: Connection, database_url: str) -> None:
    webhook = await hook(conn)
    one = await key(conn)
    other = await connect(database_url)
    try:
        begun = other.transaction()
        await begun.start()
        await webhooks.delete(other, webhook, None)
        await asyncio.wait_for(keys.revoke(conn, one, None, None), 2)
        await begun.commit()
    finally:
        await other.close()
    # What there is, and what the change has written, is nobody's, and is never given to anybody.
    assert await statuses(conn) == [("waiting", 0)] * 2
    assert await take(conn) == []
    assert await deliveries.next_due_s(conn, but=[]) is None
    await deliveries.prune(conn)
    assert await statuses(conn) == []


async def test_what_has_piled_up_goes_in_parts(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "BATCH", 2)
    off, gone = await hook(conn), await hook(conn)
    for _ in range(5):
        await key(conn)
    assert await deliveries.give_up(conn, off)
    assert sorted(await statuses(conn)) == [("failed", 0)] * 2 + [("waiting", 0)] * 8
    await conn.execute("UPDATE webhooks SET disabled = true WHERE id = $1", off)
    await webhooks.delete(conn, gone, None)
    await deliveries.prune(conn)
    assert await statuses(conn) == [("failed", 0)] * 5
    await conn.execute("UPDATE webhook_deliveries SET ended_at = ended_at - interval '31 days'")
    await deliveries.prune(conn)
    assert await statuses(conn) == []


async def test_revocations_go_first_but_not_before_their_own_key(conn: Connection) -> None:
    webhook = await hook(conn)
    told, *_ = ids = [await key(conn) for _ in range(10)]
    await conn.execute("UPDATE webhook_deliveries SET status = 'delivered', ended_at = now() WHERE key_id = $1", told)
    await keys.revoke(conn, told, None, None)
    claims, _ = await deliveries.claim(conn, most=3, most_each=3, under_way={}, seconds=LONG_S)
    assert [one.payload.count('"key.revoked"') for one in claims].count(1) == 1
    assert len(claims) == 3
    for one in ids[1:]:
        await keys.revoke(conn, one, None, None)
    await lapse(conn)
    # However many revocations stand behind other events of their keys, those others go on.
    for free in (3, 2):
        there = {webhook: 3 - free}
        claims, _ = await deliveries.claim(conn, most=3, most_each=3, under_way=there, seconds=LONG_S)
        assert '"key.created"' in "".join(one.payload for one in claims)
        for one in claims:
            await deliveries.done(conn, one.id, one.attempt, 200)
    left = {one.id for one in await take(conn)}
    waiting = await conn.fetch(
        "SELECT DISTINCT ON (key_id) id FROM webhook_deliveries WHERE status = 'waiting' ORDER BY key_id, seq"
    )
    assert left == {row["id"] for row in waiting}


async def test_twenty_webhooks_whoever_adds_them_at_once(
    conn: Connection, database_url: str, eventually: Eventually
) -> None:
    for _ in range(webhooks.MOST - 1):
        await hook(conn)
    other = await connect(database_url)

    async def add() -> None:
        async with other.transaction():
            await hook(other)

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    try:
        async with conn.transaction():
            await hook(conn)
            adding = asyncio.create_task(add())
            await eventually(lambda: conn.fetchval(waiting))
        await adding
    finally:
        await other.close()
    assert await conn.fetchval("SELECT count(*) FROM webhooks") == webhooks.MOST
