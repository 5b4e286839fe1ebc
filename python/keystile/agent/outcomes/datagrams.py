"""Datagrams with one line each: what is too much the kernel drops, and tells how much it was."""

from __future__ import annotations

import asyncio
import socket
import struct

from keystile.agent.outcomes.budget import Budget
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.line import MOST_BYTES

LINES_PER_S = 10_000
_BYTES_PER_S = 4_000_000
"""Of their own: no connection takes anything of it."""
_SO_RXQ_OVFL = 40
"""Linux: how many datagrams the kernel had to drop comes with those that it did not. Python has no name for it."""
_DROPS = struct.Struct("=I")
_BUFFER_BYTES = 4_194_304
"""What the kernel is asked to keep of datagrams; it may allow less."""
_MOST_AT_ONCE = 128
_PAUSE_S = 0.005
"""After so many datagrams at once others have their turn; the kernel's buffer is the queue meanwhile."""


def prepare(udp: socket.socket) -> None:
    """Set what a socket needs before it is bound."""
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    udp.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)


class Datagrams:
    """Hears them on one socket."""

    def __init__(self, udp: socket.socket, intake: Intake) -> None:
        self._udp = udp
        self._intake = intake
        self._budget = Budget(LINES_PER_S, _BYTES_PER_S)
        self._lost = 0

    async def hear(self) -> None:
        """Until cancelled. No more is taken from the kernel than may be looked at."""
        while True:
            await self._readable()
            lost_before = self._lost
            found = self._receive(min(_MOST_AT_ONCE, self._budget.lines_left()))
            lines = [line for line in found if self._budget.grant(1, len(line))]
            too_much = len(found) - len(lines)
            # To receive them was most of the work.
            self._budget.grant(too_much, 0)
            self._intake.take(lines, dropped=too_much + (self._lost - lost_before) % 2**32)
            await asyncio.sleep(_PAUSE_S)

    def _receive(self, most: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < most:
            try:
                # One that is longer is cut off by the kernel.
                data, ancillary, _, _ = self._udp.recvmsg(MOST_BYTES, socket.CMSG_SPACE(_DROPS.size))
            except BlockingIOError:
                break
            found.append(data)
            for _, kind, value in ancillary:
                self._lost = _DROPS.unpack(value)[0] if kind == _SO_RXQ_OVFL else self._lost
        return found

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._udp, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._udp)
