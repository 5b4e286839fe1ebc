"""The flusher: counters → store.

Counters are cumulative and the store adds only what lies above each gate's high-water mark, so a flush may be sent
twice and a process may die anywhere without a request being counted twice or not at all.

The store counts each gate's flushes too. When it has fewer of them than this process remembers, it lost some (a
failover without its tail, a restored backup), and all counters are sent again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

from keystile._core import Writer, boottime
from keystile.agent.records import Drained, usage_row
from keystile.figures import FLUSHED_NS
from keystile.settings import Settings
from keystile.store import scope_uses, usage
from keystile.store.partitions import retention_of
from keystile.store.pool import FAILURES, connect

logger = logging.getLogger(__name__)

_DEADLINE_S = 20.0
_ROWS_PER_FLUSH = 10_000

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Flusher:
    """Carries one segment's counters to the database, at each interval those that changed."""

    def __init__(self, settings: Settings, database_url: str, writer: Writer) -> None:
        self._url = database_url
        self._writer = writer
        self._interval_s = settings.flush_interval_ms / 1_000
        self._machine = socket.gethostname()
        self._retention = retention_of(settings)
        self._conn: _Connection | None = None
        self._flushes = 0
        self._lost = False

    async def run(self) -> None:
        """Flush at each interval until cancelled; what fails is kept, logged and tried again."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.try_flush()

    async def try_flush(self) -> bool:
        """Flush once; False, with nothing lost, if the database could not take it."""
        begun_ns = boottime()
        try:
            async with asyncio.timeout(_DEADLINE_S):
                if self._conn is None or self._conn.is_closed():
                    self._conn = await connect(self._url)
                await self._flush(self._conn)
        except FAILURES as error:
            logger.warning("usage cannot be written: %s; it is kept", str(error) or type(error).__name__)
            self.close()
            return False
        except asyncio.CancelledError:
            # In the middle of an answer, perhaps one that never comes: the last flush needs another connection.
            self.close()
            raise
        self._writer.set_figure(FLUSHED_NS, begun_ns)
        return True

    def close(self) -> None:
        """Drop the connection."""
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None

    async def _flush(self, conn: _Connection) -> None:
        gate_id = self._writer.gate_id
        if self._is_behind(await usage.flushes(conn, gate_id)):
            self._writer.mark_all()
        await self._store(conn, self._writer.drain())
        if self._lost:
            # Counters are cumulative and come back; that a scope was used was told once.
            await scope_uses.watch_again(conn)
            self._lost = False

    async def _store(self, conn: _Connection, drained: Sequence[Drained]) -> None:
        """Part by part. What is stored is settled only then: who dies before it leaves the uses to the next flush."""
        names = self._writer.scope_names
        rows = [usage_row(one, names) for one in drained]
        done = 0
        try:
            while done < len(rows):
                part = slice(done, done + _ROWS_PER_FLUSH)
                stored = await usage.flush(conn, self._writer.gate_id, self._machine, rows[part], self._retention)
                if self._is_behind(stored - 1):
                    # Lost between the question above and this flush: what was sent before is to be sent again.
                    self._writer.mark_all()
                self._flushes = stored
                self._writer.settle([(key_id, scopes) for key_id, *_, scopes in drained[part] if scopes])
                done += len(rows[part])
        finally:
            self._writer.undrain([row.key_id for row in rows[done:]])

    def _is_behind(self, stored: int) -> bool:
        """Whether the store has fewer flushes than it once said; then it starts from there."""
        if stored >= self._flushes:
            return False
        logger.warning("the database has lost %d flushes of usage; sending all counters again", self._flushes - stored)
        self._flushes = stored
        self._lost = True
        return True
