"""Advice: each kind from its first day on and no sooner, about active keys of one tenant, page by page."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from keystile.errors import BadCursor
from keystile.store import advice, findings, keys
from keystile.store.advice import COUNTED, KINDS, Advice
from keystile.store.cursors import encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import KeyRow

Made = Callable[..., Awaitable[KeyRow]]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
async def made(db: Connection, new_key: Any) -> Made:
    """Makes a key of the given age, with nothing else to say of it: it expires, and was used just now."""
    await db.execute("UPDATE watches SET at = now() - interval '1 year' WHERE name = 'scopes'")

    async def make(age: timedelta = timedelta(0), *, used: timedelta | None = timedelta(0), **fields: Any) -> KeyRow:
        now: datetime = await db.fetchval("SELECT now()")
        row = await keys.insert(db, new_key(**{"expires_at": now + 365 * DAY, **fields}))
        await db.execute("UPDATE keys SET created_at = $2 WHERE id = $1", row.id, now - age)
        if used is not None:
            await db.execute(
                "INSERT INTO usage_totals (key_id, requests, last_used_at) VALUES ($1, 1, $2)", row.id, now - used
            )
        return row

    return make


async def given(db: Connection, tenant: str = "acme", **options: Any) -> list[Advice]:
    """All there is after the agents have looked; the counts and the call by key must agree with the pages."""
    assert await findings.look(db, pause_s=0)
    items, _ = await advice.page(db, tenant, limit=200, **options)
    if not options:
        assert await advice.counts(db, tenant) == {kind: sum(item.kind == kind for item in items) for kind in KINDS}
        by_key = await advice.advice_for(db, tenant, [item.key_id for item in items])
        assert [item for found in by_key.values() for item in found] == _grouped(items, by_key)
    return items


def _grouped(items: list[Advice], by_key: dict[str, list[Advice]]) -> list[Advice]:
    return [item for key_id in by_key for item in items if item.key_id == key_id]


async def told(db: Connection, kind: str) -> set[str]:
    return {item.key_id for item in await given(db) if item.kind == kind}


async def age_uses(db: Connection, key_id: str, **days: int) -> None:
    """Say how many days ago a key used its scopes."""
    for scope, back in days.items():
        await db.execute(
            "INSERT INTO scope_uses (key_id, scope, used_on) VALUES ($1, $2, utc_today() - $3::integer)"
            " ON CONFLICT (key_id, scope) DO UPDATE SET used_on = EXCLUDED.used_on",
            key_id, scope, back,
        )  # fmt: skip


# Old secrets, and keys that never expire


async def test_a_secret_is_old_after_90_days(db: Connection, made: Made) -> None:
    await made(90 * DAY - MINUTE)
    old = await made(90 * DAY + MINUTE, name="Old")
    (item,) = await given(db, kind="old_secret")
    assert (item.key_id, item.name, item.kind, item.remedy) == (old.id, "Old", "old_secret", "rotate")
    assert (item.scopes, item.change) == (None, None)
    await keys.rotate(db, old.id, "acme", digest=b"n" * 32, start="tos_aaaa", last4="bbbb", overlap_seconds=0)
    assert await told(db, "old_secret") == set()
    await db.execute("UPDATE keys SET rotated_at = now() - interval '91 days' WHERE id = $1", old.id)
    (item,) = await given(db, kind="old_secret")
    assert item.since == await db.fetchval("SELECT rotated_at FROM keys WHERE id = $1", old.id)


async def test_a_key_without_expiry(db: Connection, made: Made) -> None:
    forever = await made(expires_at=None)
    await made()
    (item,) = await given(db, kind="no_expiry")
    assert (item.key_id, item.remedy) == (forever.id, "set_expiry")
    await keys.update(db, forever.id, "acme", {"expires_at": item.since + 9 * DAY})
    assert await given(db) == []


@pytest.mark.parametrize(
    "change", ["revoked_at = now()", "disabled = true", "expires_at = now() - interval '1 minute'"]
)
async def test_nothing_is_said_of_a_key_that_is_not_active(db: Connection, made: Made, change: str) -> None:
    key = await made(200 * DAY, used=100 * DAY, expires_at=None)
    scopes = await made(200 * DAY, expires_at=None)
    await age_uses(db, scopes.id, PSA=0)
    assert {item.kind for item in await given(db)} == {"old_secret", "no_expiry", "unused", "unused_scopes"}
    await db.execute(f"UPDATE keys SET {change}")
    # At once, and not only when somebody has looked again.
    assert (await advice.page(db, "acme"))[0] == []
    assert set((await advice.counts(db, "acme")).values()) == {0}
    assert await advice.advice_for(db, "acme", [key.id, scopes.id]) == {}
    assert await given(db) == []


# Unused keys


async def test_a_key_is_unused_after_30_days(db: Connection, made: Made) -> None:
    await made(60 * DAY, used=30 * DAY - MINUTE)
    await made(30 * DAY - MINUTE, used=None)
    late = await made(60 * DAY, used=30 * DAY + MINUTE)
    never = await made(30 * DAY + MINUTE, used=None)
    items = await given(db, kind="unused")
    assert [item.key_id for item in items] == [late.id, never.id]
    assert {item.remedy for item in items} == {"revoke"}
    assert items[1].since == await db.fetchval("SELECT created_at FROM keys WHERE id = $1", never.id)


async def test_a_key_that_is_used_again_is_cleared_at_once(db: Connection, made: Made) -> None:
    key = await made(60 * DAY, used=31 * DAY)
    assert await told(db, "unused") == {key.id}
    await db.execute("UPDATE usage_totals SET last_used_at = now()")
    assert (await advice.page(db, "acme"))[0] == []
    assert (await advice.counts(db, "acme"))["unused"] == 0


# Unused scopes


async def test_a_scope_is_unused_after_30_days(db: Connection, made: Made) -> None:
    key = await made(60 * DAY, scopes=["PSA", "CRM", "Books", "Voice"])
    await age_uses(db, key.id, PSA=0, CRM=30, Books=31)
    (item,) = await given(db)
    assert (item.kind, item.remedy, item.scopes) == ("unused_scopes", "drop_scopes", ["Books", "Voice"])


async def test_a_scope_is_not_accused_before_it_was_held_for_30_days(db: Connection, made: Made) -> None:
    young = await made(30 * DAY - MINUTE)
    await age_uses(db, young.id, PSA=0)
    changed = await made(60 * DAY, scopes=["PSA"])
    await age_uses(db, changed.id, PSA=0)
    await keys.update(db, changed.id, "acme", {"scopes": ["PSA", "Books"]})
    assert await given(db) == []
    await db.execute("UPDATE scope_uses SET granted_at = now() - interval '30 days' WHERE granted_at IS NOT NULL")
    assert await told(db, "unused_scopes") == {changed.id}
    # Taken away and given back: from the beginning, at once.
    await keys.update(db, changed.id, "acme", {"scopes": ["PSA"]})
    await keys.update(db, changed.id, "acme", {"scopes": ["PSA", "Books"]})
    assert (await advice.page(db, "acme"))[0] == []


async def test_a_scope_is_not_accused_before_uses_were_noted_for_30_days(db: Connection, made: Made) -> None:
    key = await made(300 * DAY, scopes=["PSA", "CRM"])
    await db.execute("UPDATE keys SET rotated_at = now()")
    await age_uses(db, key.id, PSA=0)
    await db.execute("UPDATE watches SET at = now() - interval '30 days' + interval '1 minute' WHERE name = 'scopes'")
    assert await given(db) == []
    await db.execute("UPDATE watches SET at = now() - interval '30 days' WHERE name = 'scopes'")
    assert await told(db, "unused_scopes") == {key.id}
    # A database that was set back knows nothing of the days before.
    await db.execute("UPDATE feed_clock SET epoch = gen_random_uuid()")
    assert (await advice.page(db, "acme"))[0] == []
    assert await given(db) == []


@pytest.mark.parametrize(
    ("scopes", "uses"),
    [
        (["PSA", "CRM"], {}),
        (["PSA", "CRM"], {"PSA": 40}),
        (["PSA", "CRM"], {"Voice": 0}),
        (["PSA", "Hub"], {"PSA": 0}),
        (["PSA"], {"PSA": 0}),
    ],
    ids=["never asks for one", "unused altogether", "only of one it lost", "gives them to others", "uses all"],
)
async def test_a_key_whose_scopes_are_left_alone(
    db: Connection, made: Made, scopes: list[str], uses: dict[str, int]
) -> None:
    key = await made(60 * DAY, scopes=scopes)
    await age_uses(db, key.id, **uses)
    assert await given(db) == []


async def test_scopes_that_were_dropped_since_are_not_named(db: Connection, made: Made) -> None:
    key = await made(60 * DAY, scopes=["PSA", "CRM", "Books"])
    await age_uses(db, key.id, PSA=0)
    assert (await given(db))[0].scopes == ["CRM", "Books"]
    await keys.update(db, key.id, "acme", {"scopes": ["PSA", "Books"]})
    assert (await advice.page(db, "acme"))[0][0].scopes == ["Books"]
    await keys.update(db, key.id, "acme", {"scopes": ["PSA"]})
    assert (await advice.page(db, "acme"))[0] == []


# Of whom, and how much at a time


async def test_another_tenants_keys_are_not_told(db: Connection, made: Made) -> None:
    foreign = await made(200 * DAY, used=100 * DAY, expires_at=None, tenant="globex")
    scoped = await made(60 * DAY, tenant="globex")
    await age_uses(db, scoped.id, PSA=0)
    assert await given(db) == []
    assert await advice.advice_for(db, "acme", [foreign.id, scoped.id]) == {}
    assert {item.key_id for item in await given(db, "globex")} == {foreign.id, scoped.id}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_every_piece_comes_once_however_it_is_paged(db: Connection, made: Made, limit: int) -> None:
    for number in range(5):
        key = await made(100 * DAY, used=number * 20 * DAY, expires_at=None)
        await age_uses(db, key.id, PSA=0)
    # Equal ages, so that the order rests on the ids.
    await db.execute("UPDATE keys SET created_at = now() - interval '100 days' WHERE tenant = 'acme'")
    whole = await given(db)
    assert len(whole) == 5 * 3 + 3
    found: list[Advice] = []
    cursor = None
    while True:
        items, cursor = await advice.page(db, "acme", limit=limit, cursor=cursor)
        assert len(items) <= limit
        found += items
        if cursor is None:
            break
    assert found == whole
    places = [(item.key_id, KINDS.index(item.kind)) for item in found]
    assert places == sorted(places)


MOMENT = "2026-01-01T00:00:00Z"
PLACES: tuple[tuple[str | int, ...], ...] = (("-name", "a"), (MOMENT, "\0", 0), (MOMENT, "a", 10**20), (MOMENT, "a"))


@pytest.mark.parametrize("cursor", ["", "x", *(encode_cursor(place) for place in PLACES)])
async def test_a_cursor_of_another_list_is_refused(db: Connection, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await advice.page(db, "acme", cursor=cursor)


# What it costs


async def test_a_page_reads_as_much_as_it_shows(db: Connection) -> None:
    """Of many keys with advice about them, the plan of a page touches few, and nothing is read from end to end."""
    await db.execute("ALTER TABLE keys DISABLE TRIGGER USER")
    await db.execute(
        """
        INSERT INTO keys (id, tenant, name, start, last4, scopes, tier, digest, created_by, created_at)
        SELECT 'key_' || lpad(n::text, 26, '0'), 'acme', 'A key', 'tos_aaaa', 'aaaa', '{PSA}', 'Standard',
               sha256(n::text::bytea), 'x', now() - interval '100 days' - n * interval '1 second'
        FROM generate_series(1, 20000) n
        """
    )
    assert await findings.look(db, pause_s=0)
    await db.execute("ANALYZE keys, findings")
    assert await advice.counts(db, "acme") == {
        **dict.fromkeys(("old_secret", "no_expiry", "unused"), COUNTED + 1),
        "unused_scopes": 0,
        "sudden_change": 0,
    }
    query = advice.page_query(list(KINDS), more=False).replace("$1", "'acme'").replace("$2", "51")
    plan = await db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}")
    top = json.loads(plan)[0]["Plan"]
    assert "Seq Scan" not in plan
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 2_000
