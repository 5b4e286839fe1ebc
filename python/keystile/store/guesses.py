"""Token buckets for guesses of passwords, shared by all workers and lasting through restarts."""

from __future__ import annotations

from keystile.store.pool import Connection
from keystile.store.sql import sql


async def take(conn: Connection, bucket: bytes, *, each_s: float, burst: int) -> float:
    """Take one guess; 0.0, or the seconds to wait for the next when none is left."""
    if await conn.fetchval(sql("guess_take"), bucket, each_s, burst):
        return 0.0
    # It may have been forgotten in between: then the next try is let through.
    wait: float | None = await conn.fetchval(sql("guess_wait"), bucket, each_s, burst)
    return max(wait or 0.0, 1.0)


async def forget(conn: Connection) -> None:
    """Forget some of the buckets that are full again."""
    await conn.execute(sql("guess_forget"))
