"""When each key last used each of its scopes: noted by the flush, in UTC dates."""

from __future__ import annotations

from keystile.store.pool import Connection
from keystile.store.sql import sql


async def watch_again(conn: Connection) -> None:
    """Uses may have been lost: nobody is told that a scope is unused before it was watched for long enough again."""
    await conn.execute(sql("watch_again"))
