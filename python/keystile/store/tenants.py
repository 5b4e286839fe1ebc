"""Tenants. At most one is the home tenant."""

from __future__ import annotations

from collections.abc import Sequence

from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import TenantRow
from keystile.store.sql import sql


async def get(conn: Connection, tenant: str) -> TenantRow | None:
    """One tenant, or None."""
    record = await conn.fetchrow(sql("tenant_get"), tenant)
    return None if record is None else TenantRow(**record)


async def present(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are tenants."""
    return {record["id"] for record in await conn.fetch(sql("tenant_present"), ids)}


async def home(conn: Connection) -> TenantRow | None:
    """The home tenant; None before there is one."""
    record = await conn.fetchrow(sql("tenant_home"))
    return None if record is None else TenantRow(**record)


async def page(
    conn: Connection, *, limit: int = 50, cursor: str | None = None, q: str | None = None
) -> tuple[list[TenantRow], str | None]:
    """Some tenants by id, and the cursor for more (None at the end). BadCursor for a foreign cursor.

    `q` is looked for in id and name, regardless of case.
    """
    after = None if cursor is None else decode_cursor(cursor, tuple[str])[0]
    records = await conn.fetch(sql("tenant_page"), after, limit + 1, q)
    rows = [TenantRow(**record) for record in records[:limit]]
    return rows, encode_cursor((rows[-1].id,)) if len(records) > limit else None


async def insert(conn: Connection, tenant: str, name: str, *, home: bool = False) -> TenantRow | None:
    """Add a tenant; None if the id is taken. asyncpg.UniqueViolationError for a second home tenant."""
    record = await conn.fetchrow(sql("tenant_insert"), tenant, name, home)
    return None if record is None else TenantRow(**record)


async def update(conn: Connection, tenant: str, name: str) -> TenantRow | None:
    """Rename a tenant; None if there is no such tenant."""
    record = await conn.fetchrow(sql("tenant_update"), tenant, name)
    return None if record is None else TenantRow(**record)
