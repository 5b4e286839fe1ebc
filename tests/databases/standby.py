"""A real streaming standby of an embedded server, and the line between the two, which a test can cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from keystile.store.binaries import find_binaries
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect


class Line:
    """A TCP port that leads to a server's socket. PostgreSQL sees this process at its end, whoever dials."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.lead_to(server)
        self._listener: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self.port = 0

    def lead_to(self, server: EmbeddedPostgres) -> None:
        """Lead the next calls to this server."""
        query = parse_qs(urlsplit(server.admin_url).query)
        self._socket = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"

    @property
    def url(self) -> str:
        """The database `keystile` over this line."""
        return f"postgresql://keystile@127.0.0.1:{self.port}/keystile?sslmode=disable"

    async def open(self) -> None:
        """Let calls through; on the same port as before."""
        self._listener = await asyncio.start_server(self._call, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every call, and take none."""
        if self._listener is not None:
            self._listener.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
            with contextlib.closing(writer), contextlib.closing(there_writer):
                ways = (_copy(reader, there_writer), _copy(there_reader, writer))
                await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            writer.close()
        finally:
            self._calls.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


class Pair:
    """A primary, its standby, and the line by which the one follows the other."""

    def __init__(self, primary: EmbeddedPostgres, standby: EmbeddedPostgres, line: Line) -> None:
        self.primary = primary
        self.standby = standby
        self.line = line

    async def in_step(self, eventually: Callable[..., Awaitable[None]]) -> None:
        """Wait until the standby has all that the primary has."""
        here, there = await connect(self.primary.admin_url), await connect(self.standby.admin_url)
        try:
            written = await here.fetchval("SELECT pg_current_wal_flush_lsn()::text")
            level = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
            await eventually(lambda: there.fetchval(level, written))
        finally:
            here.terminate()
            there.terminate()

    async def cut_off_standby(self) -> None:
        """Let the standby hear nothing more, while everybody else still reaches the primary."""
        here, there = await connect(self.primary.admin_url), await connect(self.standby.admin_url)
        try:
            await there.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
            await there.execute("SELECT pg_reload_conf()")
            await here.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_replication")
        finally:
            here.terminate()
            there.terminate()

    async def promote(self) -> None:
        """Make the standby the primary."""
        there = await connect(self.standby.admin_url)
        try:
            assert await there.fetchval("SELECT pg_promote(true, 30)")
        finally:
            there.terminate()


@contextlib.asynccontextmanager
async def streaming_pair(folder: Path) -> AsyncIterator[Pair]:
    """Two servers below `folder`, the second following the first."""
    primary, standby = EmbeddedPostgres(folder / "primary"), EmbeddedPostgres(folder / "standby")
    await primary.start()
    line = Line(primary)
    try:
        await line.open()
        await _allow_replication(primary, folder / "primary")
        await _copy_cluster(line, folder / "standby", folder / "primary")
        await standby.start()
        yield Pair(primary, standby, line)
    finally:
        await line.cut()
        await standby.stop()
        await primary.stop()


async def _allow_replication(server: EmbeddedPostgres, data: Path) -> None:
    with (data / "postgres" / "pg_hba.conf").open("a") as rules:
        rules.write("local replication all peer map=keystile\n")
    conn = await connect(server.admin_url)
    try:
        await conn.execute("SELECT pg_reload_conf()")
    finally:
        await conn.close()


async def _copy_cluster(line: Line, data: Path, original: Path) -> None:
    """pg_basebackup, and the files handed to the user that the server runs as."""
    target = data / "postgres"
    source = f"host=127.0.0.1 port={line.port} user=postgres dbname=postgres sslmode=disable"
    program = str(find_binaries(None).folder / "pg_basebackup")
    arguments = ("-D", str(target), "-d", source, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
    process = await asyncio.create_subprocess_exec(program, *arguments)
    assert await process.wait() == 0
    await asyncio.to_thread(_hand_over, target, original / "postgres")


def _hand_over(folder: Path, like: Path) -> None:
    owner = like.stat()
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def copy_data(source: Path, target: Path) -> None:
    """A stopped server's data folder as it is: a backup of the whole machine."""
    shutil.copytree(source, target, symlinks=True)
    for path in [source, *source.rglob("*")]:
        about = path.lstat()
        os.chown(target / path.relative_to(source), about.st_uid, about.st_gid, follow_symlinks=False)
