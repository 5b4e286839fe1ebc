"""Pages of keys: following the cursor shows every key once, in every order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keystile.errors import BadCursor, StoreError
from keystile.store import key_pages, keys, usage
from keystile.store.cursors import encode_cursor
from keystile.store.partitions import make_room
from keystile.store.pool import Connection
from keystile.store.records import KeyRow, UsageRow

NOW = datetime.now(UTC)
GATE = b"g" * 16


@pytest.fixture
async def many(db: Connection, new_key: Any) -> list[KeyRow]:
    """23 keys of acme with ties and absent values in every sortable column, and one of another tenant."""
    rows = []
    for number in range(23):
        new = new_key(
            name=f"{'Ab'[number % 2]}lpha {number // 4}",
            expires_at=NOW + timedelta(days=number // 3 - 2) if number % 4 else None,
            scopes=["PSA"] if number % 3 else ["CRM", "Books"],
            tier="Enterprise" if number % 5 == 0 else "Standard",
        )
        rows.append(await keys.insert(db, new))
    await keys.insert(db, new_key(tenant="globex"))
    used = [
        UsageRow(key_id=row.id, requests=number // 2, last_used_at=NOW - timedelta(minutes=number // 2))
        for number, row in enumerate(rows)
        if number % 3
    ]
    await usage.flush(db, GATE, "here", used)
    await keys.revoke(db, rows[1].id, None, None)
    await keys.update(db, rows[2].id, None, {"disabled": True})
    return rows


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", key_pages.SORTS)
@pytest.mark.parametrize("limit", [1, 4, 23, 200])
async def test_the_cursor_shows_every_key_once_in_order(
    db: Connection, many: list[KeyRow], sort: str, direction: str, limit: int
) -> None:
    seen = []
    cursor = None
    while True:
        page, cursor = await key_pages.page(db, "acme", sort=direction + sort, limit=limit, cursor=cursor)
        assert len(page) <= limit
        seen += page
        if cursor is None:
            break
        assert len(page) == limit
    assert len(seen) == len(many)
    assert {key.id for key, _ in seen} == {row.id for row in many}
    places = [_place(sort, *pair) for pair in seen]
    assert places == sorted(places, reverse=direction == "-")


def _place(sort: str, key: KeyRow, headline: Any) -> tuple[object, str]:
    early, late = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    place = {
        "created_at": key.created_at,
        "name": key.name.lower(),
        "last_used_at": headline.last_used_at or early,
        "expires_at": key.expires_at or late,
        "total_requests": headline.total_requests,
    }
    return place[sort], key.id


async def test_filters(db: Connection, many: list[KeyRow]) -> None:
    async def found(**filters: Any) -> list[KeyRow]:
        page, cursor = await key_pages.page(db, "acme", limit=200, **filters)
        assert cursor is None
        return [key for key, _ in page]

    for status in ("active", "expired", "disabled", "revoked"):
        matching = await found(status=status)
        assert matching
        assert {key.status for key in matching} == {status}
    assert all("Books" in key.scopes for key in await found(scope="Books"))
    assert len(await found(scope="Books")) == 8
    assert len(await found(tier="Enterprise")) == 5
    assert len(await found(tier="Enterprise", scope="Books")) == 2
    assert {key.id for key in await found(q=many[7].id.upper())} == {many[7].id}
    assert len(await found(q="ALPHA 2")) == 2
    assert len(await found(q="LPHA 2")) == 4
    assert await found(q="%") == []
    assert await found(q="_lpha") == []
    assert await found(scope="PSA' OR true --") == []


async def test_a_new_key_does_not_disturb_a_walk(db: Connection, many: list[KeyRow], new_key: Any) -> None:
    first, cursor = await key_pages.page(db, "acme", limit=10)
    await keys.insert(db, new_key())
    rest, _ = await key_pages.page(db, "acme", limit=200, cursor=cursor)
    assert [key.id for key, _ in first + rest] == [row.id for row in reversed(many)]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "x" * 5000,
        "é",
        "W10",
        encode_cursor(("-created_at",)),
        encode_cursor(("name", "a", "b")),
        encode_cursor(("-created_at", "not a time", "b")),
        encode_cursor(("-created_at", "2026-99-01 00:00:00+00", "b")),
        encode_cursor(("-created_at", "2026-01-01", "nul\x00")),
        encode_cursor((1, 2, 3)),
    ],
)
async def test_bad_cursors(db: Connection, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await key_pages.page(db, "acme", cursor=cursor)


async def test_unknown_sort(db: Connection) -> None:
    for sort in ("digest", "--name", "name; DROP TABLE keys"):
        with pytest.raises(StoreError):
            await key_pages.page(db, "acme", sort=sort)


# What a page reads


async def _crowd(db: Connection) -> None:
    """20,000 keys of acme and 1,000 of globex, each with one day of usage."""
    await db.execute("ALTER TABLE keys DISABLE TRIGGER USER")
    for tenant, letter, count in (("acme", "a", 20_000), ("globex", "b", 1_000)):
        await db.execute(
            "INSERT INTO keys (id, tenant, name, start, last4, scopes, tier, digest, created_by, created_at)"
            " SELECT 'key_0' || $2 || lpad(n::text, 24, '0'), $1, md5(n::text), 'tos_a', 'aaaa', '{PSA}', 'Standard',"
            " sha256(($1 || n)::bytea), 'test', now() - n * interval '1 minute' FROM generate_series(1, $3) n",
            tenant,
            letter,
            count,
        )
    await db.execute("INSERT INTO usage_totals SELECT id, 1, 0, 0, created_at FROM keys")
    await db.execute("INSERT INTO usage_daily (key_id, date, requests) SELECT id, utc_today(), 1 FROM keys")
    await db.execute("ANALYZE keys, usage_totals, usage_daily")


async def _scans(db: Connection, sort: str, **filters: str) -> dict[str, int]:
    """How many rows of each table a page reads."""
    text = "EXPLAIN (ANALYZE, FORMAT JSON) " + key_pages.page_sql(sort, tuple(filters))
    plan = json.loads(await db.fetchval(text, "acme", 51, *filters.values()))[0]["Plan"]
    read: dict[str, int] = {}
    for node in _nodes(plan):
        if "Relation Name" in node:
            rows = round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
            read[node["Relation Name"]] = read.get(node["Relation Name"], 0) + rows
    return read


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def test_a_page_reads_little_beside_itself(db: Connection) -> None:
    """In the order of an index that is the page alone; in the order of usage, each table once, and not the days."""
    await _crowd(db)
    for sort in ("created_at", "name", "expires_at"):
        for way in ("", "-"):
            assert sum((await _scans(db, way + sort)).values()) <= 4 * 51
            assert sum((await _scans(db, way + sort, q="a")).values()) <= 8 * 51
    for sort in ("last_used_at", "-last_used_at", "total_requests", "-total_requests"):
        read = await _scans(db, sort)
        assert sum(rows for table, rows in read.items() if table.startswith("usage_daily")) <= 51
        assert read["keys"] <= 21_000 + 51
        assert read["usage_totals"] <= 21_000 + 51
    assert (await _scans(db, "-created_at", q="zzz"))["keys"] <= 21_000


async def test_figures_of_some_keys(db: Connection, many: list[KeyRow], new_key: Any) -> None:
    foreign = await keys.insert(db, new_key(tenant="globex"))
    old = NOW.date() - timedelta(days=3)
    await make_room(db, [old, old - timedelta(days=27)])
    await db.execute("INSERT INTO usage_daily (key_id, date, requests) VALUES ($1, $2, 5)", many[1].id, old)
    await db.execute(
        "INSERT INTO usage_daily (key_id, date, requests) VALUES ($1, $2, 7)", many[1].id, old - timedelta(days=27)
    )
    found = await usage.figures(db, "acme", [many[1].id, many[22].id, foreign.id, "key_nothing"])
    assert found.keys() == {many[1].id, many[22].id}
    assert found[many[1].id].status == "revoked"
    assert found[many[1].id].daily == [0] * 26 + [5, 0, 0, 0]
    assert found[many[1].id].requests_30d == 5
    assert (found[many[22].id].daily[-1], found[many[22].id].total_requests) == (11, 11)
