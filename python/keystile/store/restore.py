"""Restoring a backup: beside the present database, which is exchanged for it in one step at the very end.

A key that was revoked since the backup stays revoked: what the present database knows of revocations is told to the
restored one, before the exchange and, for what came at the last moment, after it. Where the present database cannot
tell, the restored one begins in quarantine: no gate decides from it until an agent that remembers them has told it, or
a person accepts that they may be lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
from msgspec import Struct

from keystile.errors import StoreError
from keystile.store import keys, quarantine
from keystile.store.migrate import migrate
from keystile.store.pg_tools import find_tool, run_tool, without_password
from keystile.store.pool import FAILURES, Connection, connect
from keystile.store.records import Revocation
from keystile.store.sql import sql

ACTOR = "db restore"
_NAME_CHARS = 50
_TRIES = 5
_SIGNS = (b" TABLE public schema_migrations ", b" TABLE public feed_clock ", b" TABLE public keys ")


class Place(Struct, frozen=True, kw_only=True):
    """Where the database is: its URL, one for whoever may make databases there, and the role that is to own it."""

    url: str
    admin_url: str
    owner: str | None = None

    @property
    def name(self) -> str:
        """The database's name."""
        parts = urlsplit(self.url)
        return unquote(parts.path.lstrip("/")) or parts.username or "postgres"

    def sibling(self, suffix: str) -> str:
        """A name of its own beside it."""
        return f"{self.name[:_NAME_CHARS]}_{suffix}"


class Restored(Struct, frozen=True, kw_only=True):
    """What came of it."""

    keys: int
    revoked_again: list[str]
    """Keys that are active in the backup, and were revoked since."""
    rotated_since: list[str]
    """Keys that got another secret since: the one of the backup works again."""
    kept_as: str
    """The name of the database that was there before."""
    quarantined: str | None
    """Why no gate decides from it yet; None if nothing is missing, or the loss was accepted."""


async def restore(place: Place, file: Path, *, confirm_loss: bool = False) -> Restored:
    """Put the backup in the present database's place. StoreError, and everything as it was, if that cannot be done.

    Where the present database cannot be read, or does not know all keys of the backup, it cannot tell what was revoked
    since: then the restored one is in quarantine, unless `confirm_loss` accepts that. The caller holds the data folder.
    """
    async with _admin(place) as admin:
        major = admin.get_server_version().major
        tool = find_tool("pg_restore", major)
        await _check_file(tool, file)
        fresh, before = place.sibling("restored"), place.sibling("before")
        await _make(admin, fresh, place.owner)
        try:
            await _fill(tool, place, fresh, file)
            conn = await connect(named(place.url, fresh))
            try:
                await conn.execute("SET statement_timeout = 0")
                await migrate(conn)
                await conn.execute("ANALYZE", timeout=None)
                revoked, missing = await _carry_over(place.url, conn)
                rotated = await _rotated_since(place.url, conn)
                await _isolate(place.url, conn)
                if missing is None or confirm_loss:
                    missing = None
                    await quarantine.lift(conn)
                count = await conn.fetchval(sql("restore_keys"))
            finally:
                await conn.close()
            await _exchange(admin, place, fresh, before)
        except BaseException:
            await _drop(admin, fresh)
            raise
    async with _connected(place.url) as conn:
        late, _ = await _carry_over(named(place.url, before), conn)
    again = sorted({*revoked, *late})
    return Restored(keys=count, revoked_again=again, rotated_since=rotated, kept_as=before, quarantined=missing)


def named(url: str, database: str) -> str:
    """The same server's other database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    conn = await connect(url)
    try:
        yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def _admin(place: Place) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection that may make and rename databases, of which there is one at a time."""
    async with _connected(place.admin_url) as conn:
        await conn.execute("SET statement_timeout = 0")
        if not await conn.fetchval(sql("restore_turn"), place.name):
            raise StoreError("another restore of this database is running")
        try:
            yield conn
        except asyncpg.InsufficientPrivilegeError:
            raise StoreError(
                "restoring makes a new database and renames it: the role needs CREATEDB and must own the database"
            ) from None
        except asyncpg.PostgresError as error:
            raise StoreError(f"the backup cannot be restored: {error}") from None


async def _check_file(tool: Path, file: Path) -> None:
    try:
        contents = await run_tool(tool, ["--list", str(file)], password=None)
    except StoreError as error:
        raise StoreError(f"{file} is no backup, or a damaged one: {error}") from None
    if not all(sign in contents for sign in _SIGNS):
        raise StoreError(f"{file} is a backup of something else, not of Keystile")


async def _make(admin: Connection, name: str, owner: str | None) -> None:
    """An empty database; what an interrupted restore left of that name goes."""
    await _drop(admin, name)
    owned = "" if owner is None else f' OWNER "{owner}"'
    await admin.execute(f'CREATE DATABASE "{name}"{owned} TEMPLATE template0', timeout=None)


async def _drop(admin: Connection, name: str) -> None:
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', timeout=None)


async def _fill(tool: Path, place: Place, name: str, file: Path) -> None:
    address, password = without_password(named(place.url, name))
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", f"--dbname={address}"]
    try:
        await run_tool(tool, [*options, str(file)], password=password)
    except StoreError as error:
        raise StoreError(f"{file} cannot be restored: {error}") from None


async def _isolate(present_url: str, restored: Connection) -> None:
    """Begin a new epoch in quarantine: every gate loads everything anew, whatever revision it had.

    Notes how far the present database has come, which an agent must remember to end the quarantine.
    """
    try:
        async with _connected(present_url) as present:
            clock = await present.fetchrow(sql("restore_clock"))
    except FAILURES:
        clock = None
    epoch, rev = clock or (None, None)
    await quarantine.begin(restored, needed_epoch=epoch, needed_rev=rev)


async def _carry_over(present_url: str, restored: Connection) -> tuple[list[str], str | None]:
    """Revoke in the restored database what the present one knows to be revoked.

    The ids of those keys, and why there may be others; None if there are none.
    """
    try:
        async with _connected(present_url) as present:
            rows = await present.fetch(sql("restore_standing"))
    except FAILURES as error:
        return [], f"the present database cannot be read ({error})"
    unknown = await restored.fetchval(sql("restore_unknown"), [row["id"] for row in rows])
    missing = f"{unknown} keys of the backup are not in the present database" if unknown else None
    revoked = [
        Revocation(row["id"], row["revoked_at"], row["revoked_reason"]) for row in rows if row["revoked_at"] is not None
    ]
    return await keys.reassert(restored, ACTOR, revoked), missing


async def _rotated_since(present_url: str, restored: Connection) -> list[str]:
    """The keys whose secret the present database knows to be another one; none if it cannot be asked."""
    try:
        async with _connected(present_url) as present:
            rows = await present.fetch(sql("restore_digests"))
    except (StoreError, asyncpg.PostgresError):
        return []
    columns = [[row[name] for row in rows] for name in ("id", "digest")]
    return [row["id"] for row in await restored.fetch(sql("restore_differing"), *columns)]


async def _exchange(admin: Connection, place: Place, fresh: str, before: str) -> None:
    """The names change hands in one transaction. Agents elsewhere lose their connections and make new ones."""
    await _drop(admin, before)
    for _ in range(_TRIES):
        for name in (place.name, fresh):
            await admin.execute(sql("restore_part"), name)
        try:
            async with admin.transaction():
                if await admin.fetchval(sql("database_exists"), place.name):
                    await admin.execute(f'ALTER DATABASE "{place.name}" RENAME TO "{before}"')
                await admin.execute(f'ALTER DATABASE "{fresh}" RENAME TO "{place.name}"')
        except asyncpg.ObjectInUseError:
            continue
        return
    raise StoreError("the database is in use; stop whatever else is connected to it, and try again")
