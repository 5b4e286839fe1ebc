"""Sessions of operators, and the links that begin one. Both are known by SHA-256 digests of random tokens."""

from __future__ import annotations

from datetime import datetime

from keystile.store.pool import Connection
from keystile.store.records import OperatorRow, SignedIn
from keystile.store.sql import sql


async def begin(
    conn: Connection, digest: bytes, operator_id: str, password_hash: str, lasting_s: float
) -> OperatorRow | None:
    """Open a session; None if the operator is disabled or has another password by now."""
    record = await conn.fetchrow(sql("session_open"), digest, operator_id, lasting_s, password_hash)
    return None if record is None else OperatorRow(**record)


async def get(conn: Connection, digest: bytes, *, lock: bool = False) -> SignedIn | None:
    """Whose session it is, or None. With `lock` that operator stays as is until the transaction ends."""
    record = await conn.fetchrow(sql("session_get_locked" if lock else "session_get"), digest)
    return None if record is None else SignedIn(**record)


async def end(conn: Connection, digest: bytes) -> str | None:
    """End a session and give its operator's id; None if there was none."""
    return await conn.fetchval(sql("session_end"), digest)  # type: ignore[no-any-return]


async def end_all(conn: Connection, operator_id: str) -> None:
    """End every session of an operator, and take back the link that would begin another."""
    await conn.execute(sql("session_end_all"), operator_id)


async def make_link(conn: Connection, digest: bytes, operator_id: str | None, lasting_s: float) -> datetime:
    """A link for an operator (None: for the first one), instead of any before it; until when it is good."""
    return await conn.fetchval(sql("link_make"), digest, operator_id, lasting_s)  # type: ignore[no-any-return]


async def link_is_good(conn: Connection, digest: bytes) -> tuple[bool, str | None]:
    """Whether a link can be used, and the address of whom it is for (None: the first operator)."""
    record = await conn.fetchrow(sql("link_get"), digest)
    return (False, None) if record is None else (True, record["email"])


async def use_link(conn: Connection, digest: bytes) -> tuple[bool, str | None]:
    """Use a link up: whether it was good, and the id of whom it is for (None: the first operator)."""
    record = await conn.fetchrow(sql("link_use"), digest)
    return (False, None) if record is None else (True, record["operator_id"])
