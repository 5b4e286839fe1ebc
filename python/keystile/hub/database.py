"""The Hub's way to PostgreSQL: a pool that opens when it can, and plain words when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from keystile.errors import BadCursor, StoreError
from keystile.hub.errors import DatabaseUnavailable
from keystile.store.pool import CLIENT_FAILURES, MOST_CONNECTIONS, Connection, Pool, open_pool

_ACQUIRE_S = 5.0
_CLOSE_S = 5.0
_RETRY_S = 0.5
_BUSY_CLASSES = ("08", "40", "53", "55", "57", "58")
_REFUSED_STATES = ("25006", "42501")

logger = logging.getLogger(__name__)


def is_unavailable(error: BaseException) -> bool:
    """Whether the database, rather than the request or our code, is what went wrong.

    Among SQLSTATEs: lost connections, rolled-back conflicts, exhausted resources, locks and cancelled
    statements, shutdown, I/O errors; a read-only server; a table that may not be written.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_BUSY_CLASSES) or state in _REFUSED_STATES
    if isinstance(error, StoreError):
        return not isinstance(error, BadCursor)
    return isinstance(error, (OSError, TimeoutError, *CLIENT_FAILURES))


class Database:
    """Connections to one database. It may be away when the Hub starts, and whenever it likes later."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._next_try_s = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one request. DatabaseUnavailable when there is none or it fails underway."""
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=_ACQUIRE_S) as connection:
                try:
                    yield connection
                except BaseException as error:
                    if is_unavailable(error):
                        # One that failed may hang again when it is reset for its next user.
                        with contextlib.suppress(Exception):
                            connection.terminate()
                    raise
        except Exception as error:
            if not is_unavailable(error):
                raise
            logger.warning("database unavailable: %s", type(error).__name__)
            raise DatabaseUnavailable from error

    def pool(self) -> tuple[int, int, int]:
        """How many connections there are, how many of them nobody uses, and how many there may be."""
        pool = self._pool
        return (0, 0, MOST_CONNECTIONS) if pool is None else (pool.get_size(), pool.get_idle_size(), MOST_CONNECTIONS)

    async def close(self) -> None:
        """Close every connection; those that do not go quietly are cut."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await pool.close()
        except Exception:  # noqa: BLE001 - whatever is wrong with them, they are going away
            pool.terminate()

    async def _opened(self) -> Pool:
        if self._pool is not None:
            return self._pool
        async with self._opening:
            if self._pool is None:
                # Without a pause every request would try to connect, and wait for its own failure.
                if time.monotonic() < self._next_try_s:
                    raise DatabaseUnavailable
                try:
                    self._pool = await open_pool(self._url)
                except BaseException:
                    self._next_try_s = time.monotonic() + _RETRY_S
                    raise
            return self._pool
