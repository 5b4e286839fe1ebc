"""A relay between a client and PostgreSQL that goes wrong on demand, while connections live.

It runs in the event loop of the test. Everything about a fault is told by three attributes of each direction
(`mode`, `delay_s`, `drip_interval_s`), by `accepting`, and by the calls that cut connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from tests.faults import wire
from tests.faults.log import now_ns

_CHUNK_BYTES = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

Target = str | Path | tuple[str, int]
"""A database URL with a socket's folder, the path of a Unix socket, or host and port."""


class Mode(enum.Enum):
    """What becomes of the bytes that go one way."""

    PASS = "they pass"
    HOLD = "they wait, and pass in the end: a cable that is plugged in again"
    SWALLOW = "they vanish, and so does all that follows on the same connection: a black hole"
    DRIP = "they pass one by one"


class Way:
    """One direction, for all connections."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._mode = Mode.PASS
        self.delay_s = 0.0
        self.drip_interval_s = 1.0

    @property
    def mode(self) -> Mode:
        """What happens now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def unlike(self, mode: Mode, *, longest_s: float | None = None) -> None:
        """Wait until the mode is another one, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                while self._mode is mode:
                    await self._changed.wait()


class Link:
    """One client's connection and ours to the server for it."""

    def __init__(self, proxy: Proxy, client: _Stream, server: _Stream) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._said = wire.Client()
        self._answers = wire.Server(self._said)
        # How much of a message that is not complete yet was passed on already.
        self._ahead = 0
        self._half_closed = False

    async def run(self) -> None:
        """Relay both ways until both have ended, or one fails."""
        up = asyncio.create_task(self._relay(self._client, self._server, self._proxy.to_server, self._from_client))
        down = asyncio.create_task(self._relay(self._server, self._client, self._proxy.to_client, self._from_server))
        try:
            await asyncio.gather(up, down)
        except OSError:
            # One side is gone; the other must learn of it, as it would from a kernel.
            self.reset()
        finally:
            up.cancel()
            down.cancel()
            self._client[1].close()
            self._server[1].close()

    def reset(self) -> None:
        """End both sides at once, with RST where the socket knows it."""
        for _, writer in (self._client, self._server):
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    def half_close(self) -> None:
        """Tell the client that the server will say no more, and go on reading what it says."""
        self._half_closed = True
        with contextlib.suppress(OSError):
            self._client[1].write_eof()

    async def _relay(self, source: _Stream, sink: _Stream, way: Way, look: Callable[[bytes], bytes]) -> None:
        swallowed = False
        while data := await source[0].read(_CHUNK_BYTES):
            if way.delay_s:
                await asyncio.sleep(way.delay_s)
            piece = look(data)
            swallowed = swallowed or not await self._carry(piece, sink[1], way)
        await way.unlike(Mode.HOLD)
        if not swallowed and way.mode is not Mode.SWALLOW:
            sink[1].write_eof()

    async def _carry(self, data: bytes, sink: asyncio.StreamWriter, way: Way) -> bool:
        """Pass bytes on, as fast as the fault allows; whether all of them were."""
        await way.unlike(Mode.HOLD)
        while data and way.mode is Mode.DRIP and not self._half_closed:
            sink.write(data[:1])
            data = data[1:]
            await way.unlike(Mode.DRIP, longest_s=way.drip_interval_s)
        if way.mode is Mode.SWALLOW or (self._half_closed and way is self._proxy.to_client):
            return False
        sink.write(data)
        await sink.drain()
        return True

    def _from_client(self, data: bytes) -> bytes:
        self._said.feed(data)
        return data

    def _from_server(self, data: bytes) -> bytes:
        """What may be passed on now: everything, or only whole messages while there is an order to cut."""
        late = self._answers.waiting[self._ahead :] + data
        messages = self._answers.feed(data)
        self._proxy.commits += [now_ns() for message in messages if wire.is_commit(message)]
        waiting = len(self._answers.waiting)
        if not self._proxy.cut.armed:
            self._ahead = waiting
            return late
        if any(self._proxy.cut.takes(message) for message in messages):
            self.reset()
            raise ConnectionResetError
        if not messages:
            return b""
        self._ahead = 0
        return late[: len(late) - waiting]


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cut:
    """An order to cut connections at certain messages of the server, which the client then never sees."""

    def __init__(self) -> None:
        self._wanted: Callable[[bytes], bool] = wire.is_commit
        self._left = 0
        self.done = 0

    @property
    def armed(self) -> bool:
        """Whether there is still something to cut."""
        return self._left > 0

    def commits(self, times: int) -> None:
        """Cut between each of the next COMMITs and its reply."""
        self._wanted, self._left = wire.is_commit, times

    def rows(self, times: int) -> None:
        """Cut in the middle of each of the next answers, before its first row."""
        self._wanted, self._left = wire.is_row, times

    def takes(self, message: bytes) -> bool:
        """Whether to cut at this message."""
        if not self.armed or not self._wanted(message):
            return False
        self._left -= 1
        self.done += 1
        return True


class Proxy:
    """`async with Proxy(target) as proxy`: clients connect to `proxy.address`."""

    def __init__(self, target: Target, *, listen: Path | None = None) -> None:
        """Listens on a free TCP port, or on the Unix socket `listen`."""
        self.target = target
        self._listen = listen
        self._port = 0
        self._server: asyncio.Server | None = None
        self._links: dict[Link, asyncio.Task[None]] = {}
        self.to_server = Way()
        self.to_client = Way()
        self.cut = Cut()
        self.accepted = 0
        self.commits: list[int] = []
        """When it saw the server say that a transaction is committed, as CLOCK_BOOTTIME in nanoseconds."""

    async def __aenter__(self) -> Proxy:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        self.reset()
        tasks = list(self._links.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def address(self) -> Target:
        """Where it listens."""
        return self._listen or ("127.0.0.1", self._port)

    def url(self, database: str, role: str = "keystile") -> str:
        """A database URL that leads through it."""
        return f"postgresql://{role}@127.0.0.1:{self._port}/{database}"

    @property
    def live(self) -> int:
        """How many connections there are."""
        return len(self._links)

    async def accept(self) -> None:
        """Accept connections (again), on the same address."""
        if self._server is not None:
            return
        if self._listen is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._listen)
            return
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, reuse_address=True)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections; those that live go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._listen is not None:
            self._listen.unlink(missing_ok=True)

    def pass_all(self) -> None:
        """No fault any more, in both directions. Connections that lost bytes stay mute until somebody ends them."""
        for way in (self.to_server, self.to_client):
            way.delay_s = 0.0
            way.mode = Mode.PASS

    def both(self, mode: Mode) -> None:
        """The same fault in both directions."""
        self.to_server.mode = self.to_client.mode = mode

    def reset(self) -> None:
        """Reset every connection."""
        for link in list(self._links):
            link.reset()

    def half_close(self) -> None:
        """Close every connection from the server's side only."""
        for link in list(self._links):
            link.half_close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        try:
            server = await _open(self.target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), server)
        self._links[link] = task
        try:
            # The end of the proxy cancels it, which is no news to asyncio's server.
            with contextlib.suppress(asyncio.CancelledError):
                await link.run()
        finally:
            del self._links[link]


async def _open(target: Target) -> _Stream:
    if isinstance(target, tuple):
        return await asyncio.open_connection(*target)
    return await asyncio.open_unix_connection(socket_of(target) if isinstance(target, str) else target)


def socket_of(url: str) -> Path:
    """The Unix socket that a database URL leads to."""
    parameters = parse_qs(urlsplit(url).query)
    return Path(parameters["host"][0]) / f".s.PGSQL.{parameters['port'][0]}"
