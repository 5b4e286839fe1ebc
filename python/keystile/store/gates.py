"""Gates that have reported to this database."""

from __future__ import annotations

from keystile.store.pool import Connection
from keystile.store.records import GateRow
from keystile.store.sql import sql


async def seen(conn: Connection, gate_id: bytes, machine: str, applied_rev: int | None = None) -> None:
    """Note that a gate (16 bytes) lives and, if given, the last revision it has applied."""
    await conn.execute(sql("gate_seen"), gate_id, machine, applied_rev)


async def every(conn: Connection) -> list[GateRow]:
    """Every gate that ever reported, in the order in which they first did."""
    return [GateRow(**record) for record in await conn.fetch(sql("gate_list"))]
