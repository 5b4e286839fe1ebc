"""Operators: the people who sign in to the console."""

from __future__ import annotations

from collections.abc import Sequence

from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.records import Credentials, OperatorRow
from keystile.store.sql import sql


async def insert(
    conn: Connection, operator_id: str, *, tenant: str, email: str, role: str, created_by: str
) -> OperatorRow | None:
    """Add an operator without a password; None if the address is taken."""
    record = await conn.fetchrow(sql("operator_insert"), operator_id, tenant, email, role, created_by)
    return None if record is None else OperatorRow(**record)


async def get(conn: Connection, operator_id: str, tenant: str | None) -> OperatorRow | None:
    """One operator of `tenant` (None: of any), or None."""
    record = await conn.fetchrow(sql("operator_get"), operator_id, tenant)
    return None if record is None else OperatorRow(**record)


async def page(
    conn: Connection, tenant: str, *, limit: int = 50, cursor: str | None = None
) -> tuple[list[OperatorRow], str | None]:
    """Some operators of a tenant by address, and the cursor for more (None at the end). BadCursor for a foreign one."""
    after = None if cursor is None else decode_cursor(cursor, tuple[str])[0]
    records = await conn.fetch(sql("operator_page"), tenant, after, limit + 1)
    rows = [OperatorRow(**record) for record in records[:limit]]
    return rows, encode_cursor((rows[-1].email,)) if len(records) > limit else None


async def update(
    conn: Connection, operator_id: str, tenant: str | None, *, role: str, disabled: bool
) -> OperatorRow | None:
    """Set role and disabled; None if there is no such operator in `tenant` (None: in any)."""
    record = await conn.fetchrow(sql("operator_update"), operator_id, tenant, role, disabled)
    return None if record is None else OperatorRow(**record)


async def lock_owners(conn: Connection, tenant: str) -> list[str]:
    """The ids of a tenant's owners who are not disabled; they stay so until the transaction ends."""
    return [record["id"] for record in await conn.fetch(sql("operator_owners"), tenant)]


async def names(conn: Connection, ids: Sequence[str], tenant: str) -> dict[str, str]:
    """The addresses of those operators that are of `tenant`, or of the home tenant."""
    return {record["id"]: record["email"] for record in await conn.fetch(sql("operator_names"), list(ids), tenant)}


async def exist(conn: Connection) -> bool:
    """Whether there is any operator at all."""
    return await conn.fetchval(sql("operator_any"))  # type: ignore[no-any-return]


async def credentials(conn: Connection, email: str) -> Credentials | None:
    """What it takes to sign in with this address; None if nobody can."""
    record = await conn.fetchrow(sql("credentials_get"), email)
    return None if record is None else Credentials(**record)


async def set_password(conn: Connection, operator_id: str, password_hash: str) -> OperatorRow | None:
    """Set the Argon2id hash; None for an operator who is absent or disabled."""
    record = await conn.fetchrow(sql("credentials_set"), operator_id, password_hash)
    return None if record is None else OperatorRow(**record)
