"""Whether a database will do, asked before anything is started on it; and if not, in plain words why."""

from __future__ import annotations

import asyncio

import asyncpg

from keystile.errors import StoreError
from keystile.store.migrate import check_server, status
from keystile.store.pool import FAILURES, Connection, Unfit, connect

__all__ = ["Unfit", "check_fitness"]

_ANSWER_S = 5.0


async def check_fitness(url: str, *, migrated: bool) -> None:
    """Unfit for a replica, an old server, a pooler that shares sessions or, if it should be `migrated` already,
    another schema than this program's. Another StoreError when the database cannot be reached.
    """
    conn = await connect(url)
    try:
        async with asyncio.timeout(_ANSWER_S):
            await _check_session(conn, url)
        await check_server(conn)
        if migrated and any(step.applied_at is None for step in await status(conn)):
            raise Unfit("the database has an older schema than this program: run `keystile db migrate` first")
    except TimeoutError:
        raise StoreError("the database did not answer in time") from None
    except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError):
        raise _shared() from None
    except StoreError as error:
        raise Unfit(str(error)) from None
    except FAILURES as error:
        raise StoreError(f"the database cannot be used: {error}") from None
    finally:
        conn.terminate()


async def _check_session(conn: Connection, url: str) -> None:
    """A pooler in transaction mode loses what belongs to a session: listening, limits, prepared statements.

    It gives itself away: the process that answers is not the one that the connection was promised. In session mode
    that is so too, but there the process stays the same while another client is at work.
    """
    promised = conn.get_server_pid()
    mine = await _backend(conn)
    if mine == promised:
        return
    other = await connect(url, timeout_s=_ANSWER_S)
    try:
        async with other.transaction():
            theirs = await other.fetchval("SELECT pg_backend_pid()")
            if theirs == mine or await _backend(conn) != mine:
                raise _shared()
    finally:
        other.terminate()


async def _backend(conn: Connection) -> int:
    """The process that serves a transaction on this connection."""
    async with conn.transaction():
        return await conn.fetchval("SELECT pg_backend_pid()")  # type: ignore[no-any-return]


def _shared() -> Unfit:
    return Unfit(
        "a connection pooler in transaction mode stands before the database; connect to PostgreSQL directly, or let the"
        " pooler keep a session for each connection (pgbouncer: pool_mode = session)"
    )
