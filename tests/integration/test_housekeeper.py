"""What the housekeeper removes, and that one failure keeps nothing else from being done."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from keystile.agent.housekeeper import Housekeeper
from keystile.settings import Settings
from keystile.store import receipts
from keystile.store.pool import Connection
from keystile.store.receipts import Registration
from tests.integration.following import issue

GONE = Registration(id=b"g" * 16, machine="gone", version="0", stale_after_ms=300, stale_policy="deny")
OLD = "usage_hourly_20010101"


@pytest.fixture
async def cluttered(settings: Settings, conn: Connection) -> None:
    """An old change, an old partition and a gate that is gone; and no room for tomorrow."""
    for _ in range(2):
        await issue(conn, settings)
    await conn.execute("UPDATE changes SET at = at - interval '2 days' WHERE rev = (SELECT min(rev) FROM changes)")
    await conn.execute(f"CREATE TABLE {OLD} PARTITION OF usage_hourly FOR VALUES FROM ('2001-01-01') TO ('2001-01-02')")
    await conn.execute(f"DROP TABLE {await tomorrow(conn)}")
    await receipts.register(conn, GONE)
    await conn.execute("UPDATE receipts SET lapsed = true, seen_at = seen_at - interval '2 days'")


async def tomorrow(conn: Connection) -> str:
    """The name of tomorrow's partition."""
    return f"usage_hourly_{await conn.fetchval('SELECT utc_today()') + timedelta(days=1):%Y%m%d}"


async def clutter(conn: Connection) -> set[str]:
    """What of it is still as it was."""
    old_changes = await conn.fetchval("SELECT count(*) FROM changes WHERE at < now() - interval '1 day'")
    found = {
        "changes": old_changes > 0,
        "usage": await conn.fetchval("SELECT to_regclass($1)", OLD) is not None,
        "room": await conn.fetchval("SELECT to_regclass($1)", await tomorrow(conn)) is None,
        "gates": await conn.fetchval("SELECT EXISTS (SELECT FROM receipts)"),
    }
    return {name for name, there in found.items() if there}


@pytest.mark.usefixtures("cluttered")
async def test_all_that_is_old_goes(settings: Settings, conn: Connection) -> None:
    assert await clutter(conn) == {"changes", "usage", "room", "gates"}
    await Housekeeper(settings, str(settings.database_url)).tidy()
    assert await clutter(conn) == set()


@pytest.mark.usefixtures("cluttered")
@pytest.mark.parametrize(
    ("table", "complaint", "left"),
    [
        ("usage_hourly", "old usage is kept: ", {"usage", "room"}),
        ("receipts", "gates that are gone are kept: ", {"gates"}),
        ("changes", "old changes are kept: ", {"changes"}),
    ],
)
async def test_what_fails_is_told_and_the_rest_is_done(
    *,
    settings: Settings,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    table: str,
    complaint: str,
    left: set[str],
) -> None:
    await conn.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    caplog.set_level(logging.WARNING)
    await Housekeeper(settings, str(settings.database_url)).tidy()
    await conn.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    assert await clutter(conn) == left
    assert [record.message.startswith(complaint) for record in caplog.records] == [True]
