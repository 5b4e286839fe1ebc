"""Quarantine: a restored database, from which no gate decides until the revocations it lacks are in it again.

Begun by whoever restores. Lifted by an agent that remembers every revocation up to where the database before had come,
or by a person who accepts that some may be lost.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from keystile.store.pool import Connection
from keystile.store.sql import sql


class Quarantine(Struct, frozen=True):
    """Since when, and what an agent must remember to lift it: all of `needed_epoch` up to `needed_rev`.

    None: nobody knows how far the database before had come.
    """

    since: datetime
    needed_epoch: UUID | None
    needed_rev: int | None


async def begin(conn: Connection, *, needed_epoch: UUID | None = None, needed_rev: int | None = None) -> None:
    """Let no gate decide from this copy. Every gate loads everything again, and must register again before."""
    async with conn.transaction():
        await conn.execute(sql("quarantine_begin"), needed_epoch, needed_rev)
        await conn.execute(sql("quarantine_restart"))


async def lift(conn: Connection) -> bool:
    """Let gates decide again; False if there was no quarantine."""
    return await conn.fetchval(sql("quarantine_lift")) is not None


async def state(conn: Connection) -> Quarantine | None:
    """The quarantine, if there is one."""
    record = await conn.fetchrow(sql("quarantine_state"))
    return None if record is None else Quarantine(*record)
