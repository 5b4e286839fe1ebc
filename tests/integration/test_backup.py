"""Backups: whole or not there; restored in one step, and what was revoked since stays revoked."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from keystile.errors import StoreError
from keystile.store import audit, keys, pg_tools, quarantine, restore
from keystile.store import migrate as migrations
from keystile.store.backup import back_up
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pg_tools import find_tool, without_password
from keystile.store.pool import Connection, connect
from keystile.store.restore import Place, named
from tests.integration.machine import Machine, furnish, total


@pytest.fixture
async def place(postgres: EmbeddedPostgres, database_url: str) -> AsyncIterator[Place]:
    """The test's own database; what restoring leaves beside it goes."""
    made = Place(url=database_url, admin_url=postgres.admin_url, owner="keystile")
    yield made
    admin = await connect(postgres.admin_url)
    for suffix in ("before", "restored"):
        await admin.execute(f"DROP DATABASE IF EXISTS {made.sibling(suffix)} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def machine(tmp_path: Path, database_url: str, conn: Connection) -> Machine:
    await furnish(conn)
    return Machine(tmp_path, database_url)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def databases(place: Place) -> set[str]:
    admin = await connect(place.admin_url)
    rows = await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1 || '%'", place.name)
    await admin.close()
    return {row["datname"] for row in rows}


async def restored(place: Place, file: Path, **options: Any) -> restore.Restored:
    return await restore.restore(place, file, **options)


async def test_what_was_revoked_since_stays_revoked(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "b.dump"
    (leaked, secret), (kept, _), (rotated, _) = [await machine.key(conn) for _ in range(3)]
    assert await back_up(place.url, file) == file.stat().st_size > 10_000
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [name for name in names(tmp_path) if "part" in name] == []
    assert secret.encode() not in file.read_bytes()
    late, _ = await machine.key(conn)
    await keys.revoke(conn, leaked, None, "leaked")
    await keys.rotate(conn, rotated, "home", digest=b"d" * 32, start="tos_aaaa", last4="aaaa", overlap_seconds=0)
    before = await conn.fetchrow("SELECT revoked_at FROM keys WHERE id = $1", leaked)
    epoch = await conn.fetchval("SELECT epoch FROM feed_clock")

    done = await restored(place, file)

    assert (done.keys, done.revoked_again, done.rotated_since) == (3, [leaked], [rotated])
    new = await connect(place.url)
    rows = {row["id"]: row for row in await new.fetch("SELECT * FROM keys")}
    assert rows.keys() == {leaked, kept, rotated}, f"{late} was made after the backup"
    assert before is not None
    assert (rows[leaked]["revoked_at"], rows[leaked]["revoked_reason"]) == (before["revoked_at"], "leaked")
    assert rows[kept]["revoked_at"] is None
    trail, _ = await audit.page(new, "home", target=leaked)
    assert [(row.actor, row.action, row.detail) for row in trail] == [
        (restore.ACTOR, "key.revoke", {"reason": "leaked", "again": True})
    ]
    assert await new.fetchval("SELECT epoch FROM feed_clock") != epoch
    assert await quarantine.state(new) is None
    await new.close()
    # What was there before is there still, until the next time.
    assert await databases(place) == {place.name, done.kept_as}
    old = await connect(named(place.url, done.kept_as))
    assert await old.fetchval("SELECT count(*) FROM keys") == 4
    await old.close()
    assert (await restored(place, file)).revoked_again == [leaked]
    assert await databases(place) == {place.name, done.kept_as}


async def test_without_the_present_database_it_would_live_again(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test."""
    leaked, _ = await machine.key(conn)
    await back_up(place.url, tmp_path / "b.dump")
    await keys.revoke(conn, leaked, None, None)

    async def nothing(*_: object) -> tuple[list[str], None]:
        return [], None

    monkeypatch.setattr(restore, "_carry_over", nothing)
    await restored(place, tmp_path / "b.dump")
    new = await connect(place.url)
    assert await new.fetchval("SELECT revoked_at FROM keys") is None
    await new.close()


async def test_a_revocation_at_the_last_moment(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked, _ = await machine.key(conn)
    await back_up(place.url, tmp_path / "b.dump")
    exchange = restore._exchange

    async def late(*parts: Any) -> None:
        await keys.revoke(conn, leaked, None, "just now")
        await exchange(*parts)

    monkeypatch.setattr(restore, "_exchange", late)
    assert (await restored(place, tmp_path / "b.dump")).revoked_again == [leaked]
    new = await connect(place.url)
    assert await new.fetchval("SELECT revoked_reason FROM keys") == "just now"
    await new.close()


async def test_totals_never_shrink(machine: Machine, conn: Connection, place: Place, tmp_path: Path) -> None:
    key_id, secret = await machine.key(conn)
    flusher = machine.flusher()
    for count, action in ((5, "back up"), (4, "restore"), (0, "send again")):
        for _ in range(count):
            assert machine.gate.check(secret)
        if action == "restore":
            assert await flusher.try_flush()
            await restored(place, tmp_path / "b.dump")
        while not await flusher.try_flush():
            pass
        if action == "back up":
            await back_up(place.url, tmp_path / "b.dump")
    new = await connect(place.url)
    assert await total(new, key_id) == (9, 9, 9)
    await new.close()
    flusher.close()


FILES: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda raw: raw[: len(raw) * 2 // 3],
    "without its last bytes": lambda raw: raw[:-200],
    "cut in its head": lambda raw: raw[:100],
    "empty": lambda _: b"",
    "text": lambda _: b"SELECT 1;\n" * 100,
    "damaged": lambda raw: raw[:-6_000] + bytes(5_000) + raw[-1_000:],
}


async def test_a_file_that_is_no_backup_changes_nothing(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path
) -> None:
    for _ in range(50):
        await machine.key(conn)
    await back_up(place.url, tmp_path / "b.dump")
    good, bad = (tmp_path / "b.dump").read_bytes(), tmp_path / "bad.dump"
    for how, spoil in FILES.items():
        bad.write_bytes(spoil(good))
        with pytest.raises(StoreError, match=r"bad\.dump"):
            pytest.fail(f"{how}: {await restored(place, bad)}")
    assert await databases(place) == {place.name}
    assert await conn.fetchval("SELECT count(*) FROM keys") == 50


async def test_a_backup_of_something_else(conn: Connection, place: Place, tmp_path: Path) -> None:
    other = place.sibling("restored")
    admin = await connect(place.admin_url)
    await admin.execute(f"CREATE DATABASE {other} OWNER keystile")
    await admin.close()
    foreign = await connect(named(place.url, other))
    await foreign.execute("CREATE TABLE customers (id integer)")
    await foreign.close()
    await back_up(named(place.url, other), tmp_path / "b.dump")
    with pytest.raises(StoreError, match="something else"):
        await restored(place, tmp_path / "b.dump")
    assert await conn.fetchval("SELECT count(*) FROM keys") == 0


async def test_an_older_schema_is_brought_up_to_date_and_a_newer_refused(
    conn: Connection, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrations.available()
    await conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "available", lambda: every[:4])
        await migrations.migrate(conn)
    await back_up(place.url, tmp_path / "old.dump")
    await restored(place, tmp_path / "old.dump")
    new = await connect(place.url)
    assert all(step.applied_at for step in await migrations.status(new))
    await new.execute("INSERT INTO schema_migrations VALUES (999, '0999_future', 'x')")
    await back_up(place.url, tmp_path / "new.dump")
    with pytest.raises(StoreError, match="newer"):
        await restored(place, tmp_path / "new.dump")
    assert await new.fetchval("SELECT count(*) FROM schema_migrations") == len(every) + 1
    await new.close()


async def quarantined(place: Place) -> bool:
    new = await connect(place.url)
    try:
        return await quarantine.state(new) is not None
    finally:
        await new.close()


async def test_where_revocations_cannot_be_known_it_begins_in_quarantine(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path
) -> None:
    await machine.key(conn)
    await back_up(place.url, tmp_path / "b.dump")
    await conn.execute("DELETE FROM keys")
    clock = await conn.fetchrow("SELECT epoch, rev FROM feed_clock")
    done = await restored(place, tmp_path / "b.dump")
    assert (done.keys, done.quarantined) == (1, "1 keys of the backup are not in the present database")
    new = await connect(place.url)
    state = await quarantine.state(new)
    assert state is not None
    assert (state.needed_epoch, state.needed_rev) == clock
    assert await quarantine.lift(new)
    await new.execute("DROP TABLE keys CASCADE")
    await new.close()
    assert "cannot be read" in str((await restored(place, tmp_path / "b.dump")).quarantined)
    assert await quarantined(place)
    admin = await connect(place.admin_url)
    await admin.execute(f"DROP DATABASE {place.name} WITH (FORCE)")
    await admin.close()
    assert "cannot be read" in str((await restored(place, tmp_path / "b.dump")).quarantined)
    admin = await connect(place.admin_url)
    await admin.execute(f"DROP DATABASE {place.name} WITH (FORCE)")
    await admin.close()
    done = await restored(place, tmp_path / "b.dump", confirm_loss=True)
    assert (done.keys, done.revoked_again, done.quarantined) == (1, [], None)
    assert not await quarantined(place)


async def test_a_file_is_never_overwritten(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "b.dump"
    file.write_text("precious")
    with pytest.raises(StoreError, match="not overwritten"):
        await back_up(place.url, file)
    assert file.read_text() == "precious"
    with pytest.raises(StoreError, match="no folder"):
        await back_up(place.url, tmp_path / "nowhere" / "b.dump")
    both = await asyncio.gather(*(back_up(place.url, tmp_path / "one.dump") for _ in range(2)), return_exceptions=True)
    assert sorted(type(one) for one in both if not isinstance(one, int)) == [StoreError]
    assert names(tmp_path) == ["b.dump", "one.dump"]


async def test_two_restores_at_once_and_a_busy_database(
    machine: Machine, conn: Connection, place: Place, tmp_path: Path
) -> None:
    await machine.key(conn)
    await back_up(place.url, tmp_path / "b.dump")
    both = await asyncio.gather(*(restored(place, tmp_path / "b.dump") for _ in range(2)), return_exceptions=True)
    assert [str(one) for one in both if isinstance(one, BaseException)] == [
        "another restore of this database is running"
    ]
    # Whoever was connected lost the connection.
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await conn.execute("SELECT 1")


def test_the_right_program_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = {}
    for major in (15, 18, 17):
        folder = tmp_path / str(major)
        folder.mkdir()
        (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.1'\n")
        (folder / "pg_dump").chmod(0o755)
        folders[major] = folder
    monkeypatch.setattr(pg_tools, "program_folders", lambda: iter(folders.values()))
    monkeypatch.setattr(pg_tools.shutil, "which", lambda _: None)
    for server, tool in ((15, 15), (16, 17), (17, 17), (18, 18)):
        assert find_tool("pg_dump", server) == folders[tool] / "pg_dump"
    with pytest.raises(StoreError, match="pg_dump of PostgreSQL 19 or newer is needed here; there is 15, 17, 18"):
        find_tool("pg_dump", 19)
    with pytest.raises(StoreError, match="there is none"):
        find_tool("pg_restore", 15)


def test_no_password_in_an_argument() -> None:
    assert without_password("postgresql://me:p%40ss@db:5433/keys?sslmode=require") == (
        "postgresql://me@db:5433/keys?sslmode=require",
        "p@ss",
    )
    url, password = without_password("postgresql://me@/keys?host=%2Ftmp&password=pw&port=5432")
    assert (url, password) == ("postgresql://me@/keys?host=%2Ftmp&port=5432", "pw")
    assert without_password("postgresql://db/keys") == ("postgresql://db/keys", None)
    with pytest.raises(StoreError, match="sslpassword"):
        without_password("postgresql://db/keys?sslpassword=x")
