"""Usage: gates report cumulative counters, the store keeps sums by hour, by day and for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import asyncpg
from msgspec import structs

from keystile.store.partitions import DEFAULT_RETENTION, Retention, make_room
from keystile.store.pool import Connection
from keystile.store.records import (
    DailyUsage,
    Headline,
    HourlyUsage,
    KeyFigures,
    KeyRow,
    KeyUsage,
    PreviousSecretUse,
    SecretUse,
    SecretUses,
    UsageRow,
)
from keystile.store.rows import part
from keystile.store.sql import sql

_COUNTERS = tuple(field for field in UsageRow.__struct_fields__ if field != "scopes")
_DAYS = 30


async def flush(
    conn: Connection,
    gate_id: bytes,
    machine: str,
    rows: Sequence[UsageRow],
    retention: Retention = DEFAULT_RETENTION,
) -> int:
    """Add what a gate counted since its last flush, and note the scopes used: one transaction, one statement.

    Repeating a flush, or sending an older one late, adds nothing. Keys that are gone are ignored. Gives how many
    flushes of this gate are stored now: not more than before means that earlier ones were lost.
    """
    columns = [[getattr(row, field) for row in rows] for field in _COUNTERS]
    uses = [[row.key_id for row in rows for _ in row.scopes], [scope for row in rows for scope in row.scopes]]
    days = {row.last_used_at.astimezone(UTC).date() for row in rows if row.last_used_at is not None}
    async with conn.transaction():
        # Locks the gate's row first: of two agents for one gate, the second then sees the first's marks.
        flushes: int = await conn.fetchval(sql("usage_flush_begin"), gate_id, machine)
        if rows:
            await make_room(conn, days, retention)
            kept = (retention.hourly_days, retention.daily_days)
            await conn.execute(sql("usage_flush"), gate_id, *columns, *kept, *uses)
    return flushes


async def flushes(conn: Connection, gate_id: bytes) -> int:
    """How many flushes of a gate are stored; 0 of one that never flushed."""
    return await conn.fetchval(sql("usage_flushes"), gate_id)  # type: ignore[no-any-return]


async def headline(conn: Connection, key_id: str, tenant: str | None = None) -> Headline | None:
    """One key's usage in four figures; None if there is no such key in `tenant` (None: in any)."""
    record = await conn.fetchrow(sql("usage_headline"), key_id, tenant)
    return None if record is None else Headline(**record)


async def headlines(conn: Connection, tenant: str) -> list[tuple[KeyRow, Headline]]:
    """Every key of a tenant with its usage, newest first."""
    records = await conn.fetch(sql("usage_headlines"), tenant)
    return [(part(record, KeyRow), part(record, Headline)) for record in records]


async def figures(conn: Connection, tenant: str, key_ids: Sequence[str]) -> dict[str, KeyFigures]:
    """Status and usage of those of the keys that are the tenant's, by id."""
    records = await conn.fetch(sql("key_figures"), tenant, key_ids)
    return {record["id"]: _figures(record) for record in records}


async def report(conn: Connection, key_id: str, days: int, tenant: str | None = None) -> KeyUsage | None:
    """One key's usage over the last `days` UTC dates and 48 hours, oldest first, quiet ones as zeros.

    None if there is no such key in `tenant` (None: in any).
    """
    figures = await headline(conn, key_id, tenant)
    secrets = await conn.fetchrow(sql("usage_secrets"), key_id)
    if figures is None or secrets is None:
        return None
    denied = await conn.fetchrow(sql("usage_denied"), key_id, days)
    daily = await conn.fetch(sql("usage_daily"), key_id, days)
    hourly = await conn.fetch(sql("usage_hourly"), key_id)
    return KeyUsage(
        last_used_at=figures.last_used_at,
        total_requests=figures.total_requests,
        requests_30d=figures.requests_30d,
        error_rate=figures.error_rate,
        secrets=_secrets(secrets),
        denied=dict(denied or {}),
        daily=[DailyUsage(**record) for record in daily],
        hourly=[HourlyUsage(**record) for record in hourly],
    )


def _secrets(record: asyncpg.Record) -> SecretUses:
    current, previous, ends = record["current_used_at"], record["previous_used_at"], record["expires_at"]
    return SecretUses(
        current=SecretUse(last_used_at=current),
        previous=None if ends is None else PreviousSecretUse(last_used_at=previous, expires_at=ends),
    )


def _figures(record: asyncpg.Record) -> KeyFigures:
    daily = [0] * _DAYS
    for date, requests in zip(record["dates"], record["requests"], strict=True):
        daily[_DAYS - 1 - (record["today"] - date).days] = requests
    return KeyFigures(status=record["status"], daily=daily, **structs.asdict(part(record, Headline)))
