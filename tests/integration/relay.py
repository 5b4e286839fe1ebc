"""A relay between a client and the server's Unix socket that can cut a connection at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

_COMMIT = b"COMMIT;\0"


class Relay:
    """While `cutting`, every connection ends once the server has committed and before the client is told."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.cutting = False
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until either side ends it."""
        from_server, to_server = await asyncio.open_unix_connection(str(self._server))
        back = asyncio.create_task(_copy(from_server, writer))
        try:
            while chunk := await reader.read(65_536):
                if self.cutting and _COMMIT in chunk:
                    back.cancel()
                    await asyncio.wait({back})
                    to_server.write(chunk)
                    # The answer says that it is committed; nobody will hear of it.
                    assert b"COMMIT\0" in await from_server.read(65_536)
                    self.cuts += 1
                    break
                to_server.write(chunk)
        except ConnectionError:
            pass
        finally:
            back.cancel()
            writer.transport.abort()
            to_server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
    writer.close()


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[str, Relay]]:
    """The URL of the same database through a relay, and the relay."""
    parts = urlsplit(url)
    port = parse_qs(parts.query)["port"][0]
    relay = Relay(Path(parse_qs(parts.query)["host"][0]) / f".s.PGSQL.{port}")
    # Not in a test's own folder, whose path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="ks-relay-") as folder:
        server = await asyncio.start_unix_server(relay.serve, f"{folder}/.s.PGSQL.{port}")
        try:
            yield urlunsplit(parts._replace(query=f"host={quote(folder, safe='')}&port={port}")), relay
        finally:
            server.close()
