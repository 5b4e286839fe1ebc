"""Hears lines on one address: a datagram each (syslog, as nginx sends it), or one after another over TCP (Caddy)."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.line import MOST_BYTES
from keystile.agent.outcomes.stream import Lines

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
_SO_RXQ_OVFL = 40
"""Linux: how many datagrams the kernel had to drop comes with those that it did not. Python has no name for it."""
_DROPS = struct.Struct("=I")
_BUFFER_BYTES = 4_194_304
"""What the kernel is asked to keep of datagrams; it may allow less."""
_MOST_AT_ONCE = 128
_PAUSE_S = 0.002
"""After so many datagrams at once others have their turn; the kernel's buffer is the queue meanwhile."""
_BIND_AGAIN_S = 1.0


class Listener:
    """Hears on one address by UDP and by TCP."""

    def __init__(self, host: str, port: int, intake: Intake) -> None:
        self._host = host
        self._port = port
        self._intake = intake
        self._open: set[asyncio.BaseTransport] = set()

    async def run(self) -> None:
        """Until cancelled. An address that cannot be had is tried again: a gate does not need it."""
        told = ""
        while True:
            try:
                with _bound(self._host, self._port) as (tcp, udp):
                    logger.info("outcomes are heard on %s port %d", *tcp.getsockname()[:2])
                    told = ""
                    await self._hear(tcp, udp)
            except OSError as error:
                if str(error) != told:
                    logger.warning("outcomes cannot be heard on %s port %d: %s", self._host, self._port, error)
                told = str(error)
            await asyncio.sleep(_BIND_AGAIN_S)

    async def _hear(self, tcp: socket.socket, udp: socket.socket) -> None:
        server = await asyncio.get_running_loop().create_server(self._guest, sock=tcp)
        try:
            await self._hear_datagrams(udp)
        finally:
            server.close()
            for transport in list(self._open):
                transport.close()

    def _guest(self) -> _Guest:
        return _Guest(self._intake, self._open)

    async def _hear_datagrams(self, udp: socket.socket) -> None:
        lost_before = 0
        while True:
            await _readable(udp)
            lines: list[bytes] = []
            lost = lost_before
            while len(lines) < _MOST_AT_ONCE:
                try:
                    data, ancillary, _, _ = udp.recvmsg(MOST_BYTES, socket.CMSG_SPACE(_DROPS.size))
                except BlockingIOError:
                    break
                lines.append(data)
                for _, kind, value in ancillary:
                    lost = _DROPS.unpack(value)[0] if kind == _SO_RXQ_OVFL else lost
            self._intake.take(lines, dropped=(lost - lost_before) % 2**32)
            lost_before = lost
            if len(lines) == _MOST_AT_ONCE:
                await asyncio.sleep(_PAUSE_S)


class _Guest(asyncio.Protocol):
    """One connection. It is always read, whatever becomes of its lines: a proxy must not wait for its log."""

    def __init__(self, intake: Intake, guests: set[asyncio.BaseTransport]) -> None:
        self._intake = intake
        self._guests = guests
        self._lines = Lines()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._guests) >= MOST_CONNECTIONS:
            logger.warning("more than %d proxies send outcomes; one was turned away", MOST_CONNECTIONS)
            transport.close()
            return
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport = transport
        self._guests.add(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._intake.take(self._lines.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if self._transport is not None:
            self._guests.discard(self._transport)


@contextmanager
def _bound(host: str, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets for TCP and for UDP on the same port; for 0 on any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        udp.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        udp.bind(tcp.getsockname())
        tcp.setblocking(False)
        udp.setblocking(False)
        yield tcp, udp


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)
