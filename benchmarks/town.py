"""A database and a segment that know the same keys, of which some are used."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import asyncpg

from keystile import Gate, mint
from keystile._core import KeyRecord, Writer, boottime
from keystile.agent.flusher import Flusher
from keystile.agent.records import usage_row
from keystile.settings import Settings
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import connect

ACTIVE = 1_000
"""Keys of each town that are used."""

_FILL = """
INSERT INTO tenants (id, name, home) VALUES ('home', 'Home', true);
INSERT INTO scopes VALUES ('PSA', 'tickets', 0);
INSERT INTO tiers VALUES ('Plenty', 1000000000, 1000000000, 0);
SET session_replication_role = replica;
INSERT INTO keys (id, tenant, name, start, last4, scopes, tier, digest, created_by)
SELECT 'key_' || lpad(n::text, 26, '0'), 'home', 'A key', 'tos_aaaa', 'aaaa', '{{PSA}}', 'Plenty',
       sha256(n::text::bytea), 'bench'
FROM generate_series(1, {count}) n;
SET session_replication_role = origin;
"""


class Town:
    """A database and a segment that know the same keys, of which some are used."""

    def __init__(self, runner: asyncio.Runner, folder: Path, postgres: EmbeddedPostgres, count: int) -> None:
        self._runner = runner
        self._postgres = postgres
        self.url = postgres.url.replace("@/keystile?", f"@/town_{count}?")
        runner.run(self._make(count))
        self.writer = Writer.open(
            folder / f"gate-{count}",
            capacity=count,
            prefix="tos_",
            peppers=[b"p" * 32],
            failure_rate=60,
            failure_burst=100,
            allow_stale=False,
        )
        self.writer.set_catalogue(["PSA"], [("Plenty", 1_000_000_000, 1_000_000_000)])
        self.gate: Gate = self.writer.gate()
        self.psa = self.gate.scope("PSA")
        self.secrets: list[str] = []
        step = count // ACTIVE
        for number in range(1, count + 1):
            self._put(f"key_{number:026d}", used=number % step == 0)
        self.writer.refresh(bytes(16), 1, boottime() + 3_600 * 10**9)
        self.writer.set_wall_clock(time.time_ns())
        settings = Settings(data=folder, database_url=self.url, capacity=count)
        self.flusher = Flusher(settings, self.url, self.writer)
        self.plain: asyncpg.Connection[asyncpg.Record] = runner.run(connect(self.url))

    def _put(self, key_id: str, *, used: bool) -> None:
        digest = hashlib.sha256(key_id.encode()).digest()
        if used:
            self.secrets.append(mint())
            digest = self.gate.digest(self.secrets[-1])
        self.writer.put(KeyRecord(key_id, digest, scopes=["PSA"], tier="Plenty", tenant="home"))

    async def _make(self, count: int) -> None:
        admin = await connect(self._postgres.admin_url)
        await admin.execute(f"CREATE DATABASE town_{count} OWNER keystile")
        await admin.close()
        own = await connect(self.url)
        await migrate(own)
        await own.close()
        admin = await connect(self.url.replace("keystile@/", "postgres@/"))
        await admin.execute("SET statement_timeout = 0")
        await admin.execute(_FILL.format(count=count), timeout=600)
        await admin.execute("VACUUM ANALYZE keys", timeout=600)
        await admin.close()

    def use(self) -> None:
        """One request of each key that is used."""
        for secret in self.secrets:
            assert self.gate.check(secret, self.psa)

    def flush(self) -> int:
        """One flush."""
        assert self._runner.run(self.flusher.try_flush())
        return 1

    def drain(self) -> int:
        """What happens in this process: the marks, and a row for each key that was used."""
        assert len([usage_row(drained, self.writer.scope_names) for drained in self.writer.drain()]) == ACTIVE
        return 1

    def row_by_row(self) -> int:
        """The baseline: an UPDATE for each key."""
        self._runner.run(self._update_each([row[0] for row in self.writer.drain()]))
        return 1

    async def _update_each(self, key_ids: list[str]) -> None:
        async with self.plain.transaction():
            await self.plain.executemany(
                "UPDATE usage_totals SET requests = requests + 1 WHERE key_id = $1", [(key_id,) for key_id in key_ids]
            )

    def close(self) -> None:
        """Let everything go."""
        self.flusher.close()
        self._runner.run(self.plain.close())
        self.writer.close()
