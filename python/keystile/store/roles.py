"""The roles and the database inside the embedded server."""

from __future__ import annotations

from keystile.store.pool import connect
from keystile.store.sql import sql

ROLE = "keystile"
DATABASE = "keystile"
ADMIN = "postgres"
ADMIN_DATABASE = "postgres"

_CONNECT_TIMEOUT_S = 5.0


async def ensure(admin_url: str) -> None:
    """Make the role and its database if they are missing. StoreError while the server does not answer."""
    conn = await connect(admin_url, timeout_s=_CONNECT_TIMEOUT_S)
    try:
        if not await conn.fetchval(sql("role_exists"), ROLE):
            await conn.execute(f"CREATE ROLE {ROLE} LOGIN")
        if not await conn.fetchval(sql("database_exists"), DATABASE):
            # Cannot be in a transaction; a death in between is made good by the next start.
            await conn.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    finally:
        await conn.close()
