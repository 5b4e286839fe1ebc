"""The schema's migrations: numbered, applied once and in order, each in a transaction of its own."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files

import asyncpg
import msgspec

from keystile.errors import StoreError
from keystile.store.pool import Connection
from keystile.store.records import Migration
from keystile.store.sql import sql

MIN_SERVER_VERSION = 15
"""The oldest major version of PostgreSQL that will do."""

# Any number will do, as long as every version of Keystile uses the same one.
_ADVISORY_LOCK = 0x6B657973
_LOCK_TIMEOUT_S = 10
_LOCK_WAIT_MS = 500
_LOCK_PAUSE_S = 0.5
_STEP_TIMEOUT_S = 86_400


async def migrate(conn: Connection) -> list[Migration]:
    """Bring the schema up to date; gives what was applied now, nothing when it already was.

    StoreError, and nothing half-done, for a replica, an old server, a schema that is newer than this program,
    a migration that is not the one applied, or when other sessions hold locks for too long.
    """
    await check_server(conn)
    try:
        async with _alone(conn):
            await conn.execute(sql("migration_table"))
            pending = [step for step in await status(conn) if step.applied_at is None]
            return [await _apply(conn, step) for step in pending]
    except asyncpg.LockNotAvailableError:
        raise StoreError(
            f"migration gave up: another session held a lock for {_LOCK_TIMEOUT_S} s; what was waiting for it was not"
            " begun, try again later"
        ) from None


async def status(conn: Connection) -> list[Migration]:
    """Every migration in order; those to be applied have no `applied_at`. StoreError as in `migrate`."""
    state = await conn.fetchrow(sql("server_state"))
    records = await conn.fetch(sql("migration_list")) if state and state["known"] else []
    applied = {record["number"]: Migration(**record) for record in records}
    known = available()
    newer = applied.keys() - {step.number for step in known}
    if newer:
        raise StoreError(
            f"the database has schema {max(newer)}, which is newer than this program; use a newer keystile"
        )
    for step in known:
        done = applied.get(step.number)
        if done is not None and done.checksum != step.checksum:
            raise StoreError(f"migration {step.name} is not the one that was applied to this database")
    return [applied.get(step.number, step) for step in known]


@cache
def available() -> Sequence[Migration]:
    """The migrations of this program, in order."""
    folder = files("keystile.store").joinpath("migrations")
    return tuple(
        Migration(
            number=int(file.name.split("_", 1)[0]),
            name=file.name.removesuffix(".sql"),
            checksum=hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )


async def check_server(conn: Connection) -> None:
    """StoreError for a replica or an old server."""
    state = await conn.fetchrow(sql("server_state"))
    if state is None or state["replica"]:
        raise StoreError("this database server is a read-only replica; keystile needs the primary")
    if state["version"] < MIN_SERVER_VERSION * 10_000:
        raise StoreError(f"keystile needs PostgreSQL {MIN_SERVER_VERSION} or newer")


@asynccontextmanager
async def _alone(conn: Connection) -> AsyncIterator[None]:
    """Of all programs that migrate this database, one at a time; every lock is waited for just so long."""
    before = await conn.fetchval("SHOW lock_timeout")
    await conn.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'")
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
        try:
            yield
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)
    finally:
        await conn.execute("SELECT set_config('lock_timeout', $1, false)", before)


async def _apply(conn: Connection, step: Migration) -> Migration:
    """Apply one step. Its locks are asked for again and again, each time for a moment only.

    Whoever waits for a lock holds up all who come after it: a feed that cannot be read makes every gate refuse.
    """
    text = files("keystile.store").joinpath("migrations", f"{step.name}.sql").read_text("utf-8")
    deadline_s = time.monotonic() + _LOCK_TIMEOUT_S
    await conn.execute(f"SET lock_timeout = '{_LOCK_WAIT_MS}ms'")
    while True:
        try:
            async with conn.transaction():
                # Carrying much data over takes as long as it takes; only waiting for locks has an end.
                await conn.execute("SET LOCAL statement_timeout = 0")
                await conn.execute(text, timeout=_STEP_TIMEOUT_S)
                applied_at = await conn.fetchval(sql("migration_note"), step.number, step.name, step.checksum)
            return msgspec.structs.replace(step, applied_at=applied_at)
        except asyncpg.LockNotAvailableError:
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(_LOCK_PAUSE_S)
