"""The database that the settings name: one elsewhere, or our own in the data folder."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from keystile.errors import StoreError
from keystile.process import FolderLock
from keystile.settings import Settings
from keystile.store.embedded import EmbeddedPostgres


class Database(msgspec.Struct, frozen=True):
    """Where it is, and the task that watches over it, which ends only by failing."""

    url: str
    watching: asyncio.Task[None]


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database, running for as long as the block lasts, and the data folder held by this process."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the data folder {settings.data} cannot be used: {error.strerror}") from None
    if settings.database_url is not None:
        lock = FolderLock(settings.data)
        try:
            yield Database(settings.database_url, asyncio.create_task(_forever(), name="database"))
        finally:
            lock.release()
        return
    server = EmbeddedPostgres(settings.data)
    await server.start()
    watching = asyncio.create_task(server.watch(), name="PostgreSQL")
    try:
        yield Database(server.url, watching)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await server.stop()


@asynccontextmanager
async def borrowed(settings: Settings) -> AsyncIterator[str]:
    """The URL of a running database; our own is started for the time of the block where it does not run."""
    url = running_url(settings)
    if url is not None:
        yield url
        return
    async with database(settings) as base:
        yield base.url


def running_url(settings: Settings) -> str | None:
    """The database's URL; None when it would be our own and that does not run."""
    if settings.database_url is not None:
        return settings.database_url
    url = EmbeddedPostgres(settings.data).url
    return url if _answers(url) else None


def _answers(url: str) -> bool:
    """Whether a server listens on the socket; a file alone may be left over from one that was killed."""
    parameters = parse_qs(urlsplit(url).query)
    path = Path(parameters["host"][0]) / f".s.PGSQL.{parameters['port'][0]}"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


async def _forever() -> None:
    """Nobody watches over a server that is not ours."""
    await asyncio.Event().wait()
