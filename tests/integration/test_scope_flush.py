"""From a check to the day on which a scope was used: nothing is lost on the way, whoever dies, and nothing mistaken."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from keystile import Gate
from keystile._core import Writer
from keystile.store.pool import Connection
from tests.integration.machine import Machine, furnish
from tests.integration.relay import relayed


@pytest.fixture
async def machine(tmp_path: Path, database_url: str, conn: Connection) -> Machine:
    await furnish(conn)
    return Machine(tmp_path, database_url)


def use(gate: Gate, secret: str, *scopes: str) -> None:
    for scope in scopes:
        assert gate.check(secret, gate.scope(scope))


async def noted(conn: Connection, key_id: str) -> dict[str, datetime.date]:
    rows = await conn.fetch("SELECT scope, used_on FROM scope_uses WHERE key_id = $1", key_id)
    return {row["scope"]: row["used_on"] for row in rows}


def again(machine: Machine) -> Writer:
    """What the next agent does after this one was killed: its lock is free, and the segment is as it was."""
    machine.writer.close()
    return Writer.open(
        machine.settings.data / "gate",
        capacity=1_000,
        prefix="tos_",
        peppers=[machine.pepper],
        failure_rate=60,
        failure_burst=100,
        allow_stale=False,
    )


async def test_a_use_is_noted_once_a_day(machine: Machine, conn: Connection) -> None:
    key_id, secret = await machine.key(conn)
    flusher = machine.flusher()
    use(machine.gate, secret, "PSA")
    assert machine.gate.check(secret)
    assert await flusher.try_flush()
    assert list(await noted(conn, key_id)) == ["PSA"]
    use(machine.gate, secret, "CRM", "PSA")
    assert await flusher.try_flush()
    today = await conn.fetchval("SELECT utc_today()")
    assert await noted(conn, key_id) == {"PSA": today, "CRM": today}
    # What was noted is no longer in the segment: a use that is not repeated is not told again.
    assert machine.gate.check(secret)
    await conn.execute("DELETE FROM scope_uses")
    assert await flusher.try_flush()
    assert await noted(conn, key_id) == {}
    flusher.close()


async def test_a_flush_that_fails_keeps_the_uses(machine: Machine, conn: Connection) -> None:
    key_id, secret = await machine.key(conn)
    await conn.execute("ALTER TABLE usage_totals RENAME TO elsewhere")
    flusher = machine.flusher()
    use(machine.gate, secret, "CRM")
    assert not await flusher.try_flush()
    assert await noted(conn, key_id) == {}
    await conn.execute("ALTER TABLE elsewhere RENAME TO usage_totals")
    assert await flusher.try_flush()
    assert list(await noted(conn, key_id)) == ["CRM"]
    flusher.close()


async def test_an_answer_that_is_cut_off_leaves_the_uses_to_the_next_flush(machine: Machine, conn: Connection) -> None:
    key_id, secret = await machine.key(conn)
    async with relayed(machine.url) as (url, relay):
        flusher = machine.flusher(url)
        use(machine.gate, secret, "PSA")
        relay.cutting = True
        assert not await flusher.try_flush()
        # It was stored, though nobody was told; had it not been, it would be sent again.
        assert list(await noted(conn, key_id)) == ["PSA"]
        await conn.execute("DELETE FROM scope_uses")
        relay.cutting = False
        assert await flusher.try_flush()
        assert list(await noted(conn, key_id)) == ["PSA"]
        flusher.close()


async def test_an_agent_that_is_killed_after_reading_loses_no_use(machine: Machine, conn: Connection) -> None:
    key_id, secret = await machine.key(conn)
    use(machine.gate, secret, "CRM")
    assert machine.writer.drain()
    machine.writer = again(machine)
    flusher = machine.flusher()
    assert await flusher.try_flush()
    assert list(await noted(conn, key_id)) == ["CRM"]
    flusher.close()


async def test_a_scope_that_left_the_catalogue_gives_its_uses_to_no_other(machine: Machine, conn: Connection) -> None:
    """The segment's catalogue only grows: what was used before a change has its name after it."""
    key_id, secret = await machine.key(conn)
    use(machine.gate, secret, "PSA", "CRM")
    machine.writer.set_catalogue(["Files", "CRM"], [])
    assert machine.writer.scope_names == ["PSA", "CRM", "Files"]
    flusher = machine.flusher()
    assert await flusher.try_flush()
    assert set(await noted(conn, key_id)) == {"PSA", "CRM"}
    flusher.close()


async def test_a_database_that_lost_flushes_is_watched_anew(machine: Machine, conn: Connection) -> None:
    _, secret = await machine.key(conn)
    flusher = machine.flusher()
    use(machine.gate, secret, "PSA")
    assert await flusher.try_flush()
    await conn.execute("UPDATE watches SET at = now() - interval '1 year' WHERE name = 'scopes'")
    since = "SELECT at > now() - interval '1 minute' FROM watches WHERE name = 'scopes'"
    use(machine.gate, secret, "PSA")
    assert await flusher.try_flush()
    assert not await conn.fetchval(since)
    await conn.execute("UPDATE gates SET flushes = flushes - 1")
    assert await flusher.try_flush()
    assert await conn.fetchval(since)
    flusher.close()
