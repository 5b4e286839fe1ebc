"""Hears lines on one address: a datagram each (syslog, as nginx sends it), or one after another over TCP (Caddy)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from keystile.agent.outcomes import datagrams
from keystile.agent.outcomes.guests import Guests
from keystile.agent.outcomes.intake import Intake

logger = logging.getLogger(__name__)

_BACKLOG = 256
_WELCOME_S = 0.02
"""Fifty new connections a second at most: each costs the loop as much as some hundred lines."""
_AGAIN_S = 1.0


class Listener:
    """Hears on one address by UDP and by TCP."""

    def __init__(self, host: str, port: int, intake: Intake) -> None:
        self._host = host
        self._port = port
        self._intake = intake
        self._told = ""

    async def run(self) -> None:
        """Until cancelled. An address that cannot be had is tried again: a gate does not need it."""
        while True:
            try:
                with _bound(self._host, self._port) as (tcp, udp):
                    logger.info("outcomes are heard on %s port %d", *tcp.getsockname()[:2])
                    self._told = ""
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._hear_connections(tcp), name="outcomes connections")
                        tasks.create_task(datagrams.Datagrams(udp, self._intake).hear(), name="outcomes datagrams")
            except* OSError as errors:
                self._complain(errors.exceptions[0])
            await asyncio.sleep(_AGAIN_S)

    def _complain(self, error: BaseException) -> None:
        """Once for each reason."""
        if str(error) != self._told:
            logger.warning("outcomes cannot be heard on %s port %d: %s", self._host, self._port, error)
        self._told = str(error)

    async def _hear_connections(self, tcp: socket.socket) -> None:
        guests = Guests(self._intake)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    sock, _ = await loop.sock_accept(tcp)
                    await loop.connect_accepted_socket(guests.guest, sock)
                except OSError as error:
                    # No file is free, say. Those that are connected go on.
                    self._complain(error)
                    await asyncio.sleep(_AGAIN_S)
                await asyncio.sleep(_WELCOME_S)
        finally:
            guests.close()


@contextmanager
def _bound(host: str, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets for TCP and for UDP on the same port; for 0 on any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
        tcp.listen(_BACKLOG)
        datagrams.prepare(udp)
        udp.bind(tcp.getsockname())
        tcp.setblocking(False)
        udp.setblocking(False)
        yield tcp, udp
