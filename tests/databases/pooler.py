"""A small connection pooler such as pgbouncer: a client has a server's session for a transaction, or for good."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

_STARTUP = 196_608
_AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
_NOT_THE_REAL_KEY = b"K" + struct.pack("!iii", 12, 4_242, 4_242)
_READY = b"Z" + struct.pack("!ic", 5, b"I")


class _Session:
    """One session of the real server, given to one client at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.client: asyncio.StreamWriter | None = None
        self.told: list[bytes] = []


class Pooler:
    """Listens on TCP before one database of a server; `by_transaction`, or else by session."""

    def __init__(self, url: str, *, by_transaction: bool, refuses: str | None = None) -> None:
        parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
        self._socket = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        self._user, self._database = str(parts.username), parts.path.lstrip("/")
        self._by_transaction = by_transaction
        self._refuses = refuses
        self._idle: list[_Session] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The URL of the database through this pooler."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            yield f"postgresql://{self._user}@127.0.0.1:{port}/{self._database}?sslmode=disable"
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _session(self) -> _Session:
        if self._idle:
            return self._idle.pop()
        reader, writer = await asyncio.open_unix_connection(self._socket)
        session = _Session(reader, writer)
        body = f"user\0{self._user}\0database\0{self._database}\0\0".encode()
        writer.write(struct.pack("!ii", len(body) + 8, _STARTUP) + body)
        while not (message := await _message(reader)).startswith(b"Z"):
            if message.startswith(b"S"):
                session.told.append(message)
        self._keep(asyncio.create_task(self._relay(session)))
        return session

    async def _relay(self, session: _Session) -> None:
        """What the server says goes to the client that has the session; at a transaction's end it is free."""
        while True:
            message = await _message(session.reader)
            if session.client is not None:
                session.client.write(message)
            if message == _READY and self._by_transaction:
                session.client = None
                self._idle.append(session)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._keep(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            asked = await reader.readexactly(length - 4)
            if self._refuses is not None and self._refuses.encode() in asked:
                fields = f"SERROR\0C08P01\0Munsupported startup parameter: {self._refuses}\0\0".encode()
                writer.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                return
            session = await self._session()
            writer.write(b"".join([_AUTHENTICATED, *session.told, _NOT_THE_REAL_KEY, _READY]))
            self._idle.append(session) if self._by_transaction else None
            while not (message := await _message(reader)).startswith(b"X"):
                if session.client is not writer:
                    session = await self._session() if self._by_transaction else session
                    session.client = writer
                session.writer.write(message)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
