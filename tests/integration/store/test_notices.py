"""What webhooks are told because of the time or of usage: once, to whom it concerns, and of no key that is gone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keystile import new_key_id
from keystile.agent.herald import Herald
from keystile.store import deliveries, keys, notices, tenants, webhooks
from keystile.store.pool import Connection
from tests.integration.machine import Machine, furnish

DAY = timedelta(days=1)


@pytest.fixture
async def machine(tmp_path: Any, database_url: str, conn: Connection) -> Machine:
    await furnish(conn)
    await tenants.insert(conn, "other", "Another tenant")
    return Machine(tmp_path, database_url)


async def hook(conn: Connection, events: Sequence[str], tenant: str = "home") -> str:
    new = "wh_" + new_key_id().removeprefix("key_")
    url = "https://nobody.invalid/"
    await webhooks.insert(
        conn, new, tenant=tenant, url=url, events=events, note=None, secret=b"sealed", created_by="test"
    )
    return new


async def told(conn: Connection, webhook_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Event, key and data of all that waits for a webhook, without the key's record; all of it is forgotten."""
    rows = await conn.fetch("DELETE FROM webhook_deliveries WHERE webhook_id = $1 RETURNING *", webhook_id)
    found = []
    for row in sorted(rows, key=lambda row: row["seq"]):
        payload = json.loads(row["payload"])
        assert payload["type"] == row["event"]
        assert payload["data"].pop("key")["id"] == row["key_id"]
        found.append((row["event"], row["key_id"], payload["data"]))
    return found


async def look(conn: Connection) -> None:
    assert await notices.look(conn, pause_s=0)


async def test_a_key_that_expires_within_a_week(machine: Machine, conn: Connection) -> None:
    ids = [(await machine.key(conn))[0] for _ in range(6)]
    soon, later, disabled, revoked, never, over = ids
    now = datetime.now(UTC)
    for key_id, expires_at in zip(ids, (6, 8, 6, 6, None, -1), strict=True):
        await keys.update(conn, key_id, None, {"expires_at": expires_at and now + expires_at * DAY})
    await keys.update(conn, disabled, None, {"disabled": True})
    await keys.revoke(conn, revoked, None, None)
    one, other = await hook(conn, ["key.expiring"]), await hook(conn, ["key.expiring"], "other")
    for _ in range(2):
        await look(conn)
    assert await told(conn, one) == [("key.expiring", soon, {})]
    # Another expiry is another event; the same one, however often it is set, is not.
    await keys.update(conn, soon, None, {"expires_at": now + 5 * DAY})
    await keys.update(conn, later, None, {"expires_at": now + 5 * DAY})
    await look(conn)
    assert sorted(await told(conn, one)) == sorted((("key.expiring", soon, {}), ("key.expiring", later, {})))
    await keys.update(conn, soon, None, {"expires_at": now + 6 * DAY})
    await look(conn)
    assert await told(conn, one) == []
    late = await hook(conn, ["key.expiring"])
    await look(conn)
    assert {key_id for _, key_id, _ in await told(conn, late)} == {soon, later}
    assert await told(conn, other) == []
    assert {never, over}.isdisjoint(ids[:2])


async def test_a_key_that_was_refused_for_want_of_a_token(machine: Machine, conn: Connection) -> None:
    key_id, _ = await machine.key(conn)
    quiet, _ = await machine.key(conn)
    one = await hook(conn, ["key.limit_reached", "key.unusual"])
    today = await conn.fetchval("SELECT utc_today()")
    add = "INSERT INTO usage_daily (key_id, date, requests, rate_limited) VALUES ($1, $2, 50, $3)"
    await conn.execute("SELECT usage_make_room(ARRAY[utc_today() - 1], 8, 400)")
    await conn.execute(add, key_id, today, 20)
    await conn.execute(add, quiet, today, 0)
    await conn.execute(add, key_id, today - DAY, 3)
    for _ in range(2):
        await look(conn)
    expected = {"date": today.isoformat(), "rate_limited": 20}
    assert await told(conn, one) == [("key.limit_reached", key_id, expected)]
    # Yesterday counts where the webhook was there already.
    await conn.execute("UPDATE webhooks SET created_at = created_at - interval '1 day'")
    await look(conn)
    assert [data["rate_limited"] for _, _, data in await told(conn, one)] == [3]


async def test_a_key_that_changed_suddenly(machine: Machine, conn: Connection) -> None:
    key_id, _ = await machine.key(conn)
    revoked, _ = await machine.key(conn)
    await keys.revoke(conn, revoked, None, None)
    detail = {"what": ["requests"], "requests": 700, "errors": 7, "week_requests": 100, "week_errors": 0}
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for found in (key_id, revoked):
        await conn.execute(
            "INSERT INTO findings (key_id, kind, tenant, created_at, since, detail)"
            " VALUES ($1, 'sudden_change', 'home', $2, $2, $3)",
            found,
            since,
            json.dumps(detail),
        )
    one = await hook(conn, ["key.unusual"])
    other = await hook(conn, ["key.unusual"], "other")
    for _ in range(2):
        await look(conn)
    change = {
        "what": ["requests"],
        "requests": 700,
        "requests_before": 14.3,
        "error_rate": 1.0,
        "error_rate_before": 0.0,
    }
    expected = {"since": "2026-01-02T03:04:05.000000Z", "change": change}
    assert await told(conn, one) == [("key.unusual", key_id, expected)]
    await conn.execute("UPDATE findings SET since = since + interval '1 day'")
    await look(conn)
    assert len(await told(conn, one)) == 1
    assert await told(conn, other) == []


async def test_agents_take_turns(machine: Machine, conn: Connection) -> None:
    await Herald(machine.url).look()
    assert not await notices.look(conn)
    assert await notices.look(conn, pause_s=0)


async def test_what_is_old_or_of_nobody_goes(machine: Machine, conn: Connection) -> None:
    kept, gone, off = [await hook(conn, ["key.created"]) for _ in range(3)]
    await machine.key(conn)
    await conn.execute("DELETE FROM webhooks WHERE id = $1", gone)
    await conn.execute("UPDATE webhooks SET disabled = true WHERE id = $1", off)
    await deliveries.prune(conn)
    left = "SELECT webhook_id, status, last_error FROM webhook_deliveries ORDER BY status"
    assert [tuple(row) for row in await conn.fetch(left)] == [
        (off, "failed", deliveries.GIVEN_UP),
        (kept, "waiting", None),
    ]
    await conn.execute("UPDATE webhook_deliveries SET ended_at = ended_at - interval '31 days'")
    await deliveries.prune(conn)
    assert [row["webhook_id"] for row in await conn.fetch(left)] == [kept]
