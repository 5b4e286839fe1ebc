"""A PostgreSQL of the tests' own, in memory, to make databases on and to kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from keystile.store import embedded
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import FAILURES, connect
from tests.faults.machine import until

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
_TEMPLATE = "template_faults"
_NUMBERS = count(1)


class Server:
    """A running server that is started again whenever it dies."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres

    async def database(self) -> str:
        """The URL of a migrated database without rows."""
        name = f"faults_{next(_NUMBERS)}"
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER keystile")
        return self._url(name)

    async def prepare(self) -> None:
        """Make the template of all databases."""
        await self._admin(f"CREATE DATABASE {_TEMPLATE} OWNER keystile")
        conn = await connect(self._url(_TEMPLATE))
        await migrate(conn)
        await conn.close()

    async def kill(self, number: signal.Signals) -> None:
        """Kill it, and return when another one answers."""
        pid = self.postgres.pid
        assert pid is not None
        os.kill(pid, number)

        async def answers() -> bool:
            with contextlib.suppress(*FAILURES):
                if self.postgres.pid not in {None, pid}:
                    await self._admin("SELECT 1")
                    return True
            return False

        await until(answers, "the server has recovered")

    async def _admin(self, statement: str) -> None:
        conn = await connect(self.postgres.admin_url)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()

    def _url(self, name: str) -> str:
        return self.postgres.url.replace("@/keystile?", f"@/{name}?")


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """A server for as long as the block lasts."""
    # Killed on purpose, it need not be given time.
    embedded._LONGEST_PAUSE_S = embedded._FIRST_PAUSE_S
    folder = Path(tempfile.mkdtemp(prefix="keystile-faults-", dir=MEMORY))
    postgres = EmbeddedPostgres(folder / "data")
    await postgres.start()
    watching = asyncio.create_task(postgres.watch())
    server = Server(postgres)
    try:
        await server.prepare()
        yield server
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await postgres.stop()
        await asyncio.to_thread(shutil.rmtree, folder)
