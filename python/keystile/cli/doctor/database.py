"""Checks of the database: reachable, the right one, and at what time it thinks it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from keystile.cli.doctor.finding import Finding, fail, ok, warn
from keystile.errors import KeystileError
from keystile.store.migrate import status
from keystile.store.pool import Connection, connect

CLOCKS_AGREE_S = 5.0


async def check_database(url: str | None) -> AsyncIterator[Finding]:
    """All about the database at `url`; None: the embedded one, which is not running."""
    if url is None:
        yield warn("database", "the embedded PostgreSQL is not running", "`keystile serve` starts it.")
        return
    try:
        connection = await connect(url)
    except KeystileError as error:
        yield fail("database", str(error), "Check `database_url`, and that the server runs.")
        return
    try:
        yield ok("database", f"PostgreSQL {await connection.fetchval('SHOW server_version')}")
        yield await _replica(connection)
        yield await _schema(connection)
        yield await _clock(connection)
    finally:
        await connection.close()


async def _replica(connection: Connection) -> Finding:
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        return fail("primary", "this server is a replica", "Name the primary in `database_url`.")
    return ok("primary", "the server takes changes")


async def _schema(connection: Connection) -> Finding:
    try:
        pending = [step.name for step in await status(connection) if step.applied_at is None]
    except KeystileError as error:
        return fail("schema", str(error), "Use the version of Keystile that this database was made with, or later.")
    if pending:
        return fail("schema", f"not applied: {', '.join(pending)}", "Run `keystile db migrate`.")
    return ok("schema", "up to date")


async def _clock(connection: Connection) -> Finding:
    """Keys expire by the database's clock; people compare it with this machine's."""
    before = datetime.now(UTC)
    there: datetime = await connection.fetchval("SELECT clock_timestamp()")
    here = before + (datetime.now(UTC) - before) / 2
    apart_s = (there - here).total_seconds()
    detail = f"the database is {abs(apart_s):.3f} s {'ahead of' if apart_s >= 0 else 'behind'} this machine"
    if abs(apart_s) <= CLOCKS_AGREE_S:
        return ok("clock", detail)
    return warn("clock", detail, "Keys expire by the database's clock; let NTP set both.")
