"""Connections to PostgreSQL, each with time limits of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from keystile.errors import StoreError


class Unfit(StoreError):
    """The database answers, but Keystile cannot work on it; trying again does not help."""


# asyncpg's classes take type parameters in its stubs but not at run time, where frameworks read annotations.
if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection | PoolConnectionProxy
    Pool = asyncpg.Pool

CLIENT_FAILURES = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises of its own accord; the second, where a connection ends in the middle of a step."""
FAILURES = (*CLIENT_FAILURES, asyncpg.PostgresError, StoreError, OSError, TimeoutError)
"""Every way in which work on a connection fails through no fault of the work."""
MOST_CONNECTIONS = 8
"""As many connections as a pool has at most."""
_CONNECT_TIMEOUT_S = 10.0
# Longer than the server's own limit, so that it acts only when the server no longer answers.
_COMMAND_TIMEOUT_S = 40.0
_SERVER_SETTINGS = {
    "application_name": "keystile",
    "TimeZone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}


async def connect(
    url: str, *, timeout_s: float = _CONNECT_TIMEOUT_S, durable: bool = True
) -> asyncpg.Connection[asyncpg.Record]:
    """One connection of the caller's own. StoreError when the database cannot be reached.

    Unless `durable`, a commit does not wait for the disk: a crash of the server may take the last ones back.
    """
    try:
        return await asyncpg.connect(
            url,
            timeout=timeout_s,
            command_timeout=_COMMAND_TIMEOUT_S,
            server_settings=_SERVER_SETTINGS if durable else {**_SERVER_SETTINGS, "synchronous_commit": "off"},
        )
    except (*FAILURES, ValueError) as error:
        raise _unreachable(error) from None


async def open_pool(url: str, *, min_size: int = 1, max_size: int = MOST_CONNECTIONS) -> Pool:
    """A pool with `min_size` connections already made. StoreError when the database cannot be reached."""
    try:
        return await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=_COMMAND_TIMEOUT_S,
            server_settings=_SERVER_SETTINGS,
        )
    except (*FAILURES, ValueError) as error:
        raise _unreachable(error) from None


def _unreachable(error: BaseException) -> StoreError:
    """The error in plain words. A malformed URL is not shown: a part of it may be a password."""
    if isinstance(error, asyncpg.InterfaceError | ValueError):
        return StoreError("the database URL is malformed")
    if isinstance(error, TimeoutError):
        return StoreError("the database cannot be reached: it did not answer in time")
    if "startup parameter" in str(error):
        return Unfit(f"a connection pooler before the database refuses what keystile needs ({error}); go past it")
    return StoreError(f"the database cannot be reached: {error}")
