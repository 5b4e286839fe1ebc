"""Notices: what webhooks are told because of the time or of usage, and not of a change. Agents take turns at it."""

from __future__ import annotations

from typing import Final

from keystile.store import deliveries
from keystile.store.pool import Connection
from keystile.store.sql import sql

EXPIRING_S: Final = 7 * 86_400.0
"""How long before its end a key is said to expire."""
PAUSE_S: Final = 240.0
"""What was looked for so lately is not looked for again: a little less than a herald waits."""
_TIMEOUT_S = 300.0
# Any number will do, as long as every version of Keystile uses the same one.
_ADVISORY_LOCK = 0x6E6F7469


async def look(conn: Connection, *, pause_s: float = PAUSE_S) -> bool:
    """Put into the outbox what is to be told, unless somebody did within `pause_s` or is at it; whether it was done."""
    if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_LOCK):
        return False
    try:
        if not await conn.fetchval(sql("notices_due"), pause_s):
            return False
        await _tell(conn, sql("notice_expiring"), EXPIRING_S)
        await _tell(conn, sql("notice_limit_reached"))
        await _tell(conn, sql("notice_unusual"))
        await conn.execute(sql("notices_done"))
    finally:
        await conn.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)
    return True


async def _tell(conn: Connection, query: str, *options: object) -> None:
    async with conn.transaction():
        # It reads what there is of every tenant that asked for it, and nobody waits for it.
        await conn.execute(f"SET LOCAL statement_timeout = '{_TIMEOUT_S:.0f}s'")
        written = await conn.execute(query, *options, timeout=_TIMEOUT_S)
        if written != "INSERT 0 0":
            await deliveries.hint(conn)
