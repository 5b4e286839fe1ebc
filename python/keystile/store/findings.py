"""Findings: what is looked for in all keys by the hour, because it takes too long whenever somebody asks.

Unused keys, unused scopes, and keys whose last 24 hours are unlike their own week before. Agents take turns at it.
"""

from __future__ import annotations

from typing import Final

from keystile.catalogue_settings import HUB_SCOPE
from keystile.store.pool import Connection
from keystile.store.sql import sql

UNUSED_DAYS: Final = 30
"""A key or a scope that was not used for so long is one too many."""

LEAST_REQUESTS: Final = 100
"""Fewer a day, now or before, are never called a change."""
TIMES_THE_MEAN: Final = 3
"""How much more, or less, than the mean day."""
TIMES_THE_EXTREME: Final = 2
"""How much more than the busiest day, or less than the quietest: so a weekend is none."""
TIMES_THE_ERRORS: Final = 2
"""How much higher an error rate is than before,"""
POINTS_OF_ERRORS: Final = 10
"""and by how many percentage points."""

PAUSE_S: Final = 3_000.0
"""What was looked for so lately is not looked for again: a little less than an advisor waits."""
_TIMEOUT_S = 600.0
# Any number will do, as long as every version of Keystile uses the same one.
_ADVISORY_LOCK = 0x66696E64


async def look(conn: Connection, *, pause_s: float = PAUSE_S) -> bool:
    """Look for findings of all keys, unless somebody did within `pause_s` or is at it; whether it was done."""
    if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_LOCK):
        return False
    try:
        if not await conn.fetchval(sql("findings_due"), pause_s):
            return False
        await _find(conn, sql("find_unused"), UNUSED_DAYS)
        await _find(conn, sql("find_unused_scopes"), UNUSED_DAYS, HUB_SCOPE)
        thresholds = (LEAST_REQUESTS, TIMES_THE_MEAN, TIMES_THE_EXTREME, TIMES_THE_ERRORS, POINTS_OF_ERRORS)
        await _find(conn, sql("find_sudden_changes"), *thresholds)
        await conn.execute(sql("findings_done"))
    finally:
        await conn.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)
    return True


async def _find(conn: Connection, query: str, *options: object) -> None:
    async with conn.transaction():
        # It reads what there is of everybody, and nobody waits for it.
        await conn.execute(f"SET LOCAL statement_timeout = '{_TIMEOUT_S:.0f}s'")
        await conn.execute(query, *options, timeout=_TIMEOUT_S)
