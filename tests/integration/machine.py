"""A machine of a test's own: a segment, a flusher, and a database that knows its keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from keystile import Gate, digest, mint, new_key_id
from keystile._core import KeyRecord, Writer, boottime
from keystile.agent.flusher import Flusher
from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS
from keystile.pepper import pepper_bytes
from keystile.settings import Settings
from keystile.store import catalogue, keys, tenants
from keystile.store.pool import Connection
from keystile.store.records import NewKey


class Machine:
    """A segment with keys that the database knows too, and a flusher between the two."""

    def __init__(self, folder: Path, url: str) -> None:
        self.settings = Settings(data=folder, database_url=url, segment=folder / "gate", capacity=1_000)
        self.pepper = b"p" * 32
        self.writer = Writer.open(
            folder / "gate",
            capacity=1_000,
            prefix="tos_",
            peppers=[self.pepper],
            failure_rate=60,
            failure_burst=100,
            allow_stale=False,
        )
        self.writer.set_catalogue(["PSA", "CRM"], [("Plenty", 1_000_000_000, 1_000_000_000)])
        self.writer.refresh(bytes(16), 1, boottime() + 3_600 * 10**9)
        self.writer.set_wall_clock(time.time_ns())
        self.gate: Gate = self.writer.gate()
        self.url = url

    def flusher(self, url: str | None = None) -> Flusher:
        return Flusher(self.settings, url or self.url, self.writer)

    async def key(self, conn: Connection) -> tuple[str, str]:
        """A new key, here and there; its id and its secret."""
        secret, key_id = mint(), new_key_id()
        hashed = digest(secret, self.pepper)
        new = NewKey(
            id=key_id,
            tenant="home",
            name="A key",
            start=secret[:8],
            last4=secret[-4:],
            digest=hashed,
            scopes=["PSA", "CRM"],
            tier="Enterprise",
            created_by="test",
        )
        await keys.insert(conn, new)
        self.writer.put(KeyRecord(key_id, hashed, scopes=["PSA", "CRM"], tier="Plenty", tenant="home"))
        return key_id, secret


async def furnish(conn: Connection) -> None:
    """The default catalogue and a home tenant."""
    async with conn.transaction():
        await catalogue.apply(conn, DEFAULT_SCOPES, DEFAULT_TIERS)
        await tenants.insert(conn, "home", "Home", home=True)


async def prepared(conn: Connection, folder: Path, url: str, **changes: Any) -> Settings:
    """Settings, but for `changes`, of an agent with its files in `folder`; `conn`'s database is furnished for it."""
    defaults = {"capacity": 1_000, "poll_interval_ms": 50, "flush_interval_ms": 50}
    settings = Settings(data=folder, database_url=url, segment=folder / "gate", **{**defaults, **changes})
    pepper_bytes(settings, create=True)
    await furnish(conn)
    return settings


async def total(conn: Connection, key_id: str) -> tuple[int, int, int]:
    """What is counted for a key: for good, by day and by hour."""
    found = [
        await conn.fetchval(f"SELECT COALESCE(sum(requests), 0)::bigint FROM {table} WHERE key_id = $1", key_id)
        for table in ("usage_totals", "usage_daily", "usage_hourly")
    ]
    return found[0], found[1], found[2]
