"""The connections over which proxies send lines: read in turns, and no more of them than can be borne.

The loop in which they are read also keeps the gate fresh. So there are only so many turns a second, in each of which
one connection is read once; whoever has been read waits at the end of the row. Within a turn the lines are looked at
for which there is room in the budget. The others are thrown away without being split, which costs next to nothing.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from keystile.agent.outcomes.budget import Budget
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.stream import Lines

LINES_PER_S = 20_000
_BYTES_PER_S = 8_000_000
"""Of all connections together."""
_SHARE = 1 / 8
"""What one turn may take of the lines and bytes that are left."""
_PIECE_BYTES = 32_768
_TURN_S = 0.002
"""500 turns a second: 16 MB are read at most, whoever sends them."""
MOST_CONNECTIONS = 64
MOST_NONSENSE = 1_000
"""So many lines with none among them that was understood, and the connection is closed."""


class Guests:
    """All connections to one address."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._budget = Budget(LINES_PER_S, _BYTES_PER_S, share=_SHARE)
        self._all: set[Guest] = set()
        self._last_turn_s = 0.0

    def guest(self) -> Guest:
        """A new one, not connected yet."""
        return Guest(self)

    def enter(self, guest: Guest) -> None:
        """A connection was made. If there are too many, one goes that was never understood, or else not for longest."""
        if len(self._all) >= MOST_CONNECTIONS:
            silent = min(self._all, key=lambda other: (other.was_understood, other.since_s))
            self._intake.note_closed(f"there were more than {MOST_CONNECTIONS}")
            self._close(silent)
        self._all.add(guest)

    def leave(self, guest: Guest) -> None:
        """A connection is gone."""
        self._all.discard(guest)

    def hear(self, guest: Guest, data: bytes) -> None:
        """Count what a guest sent, as far as there is room, and let others have their turn before it is read again."""
        ended = data.count(b"\n")
        granted = self._budget.grant(ended, len(data))
        lines = guest.lines.feed(data, granted)
        malformed = self._intake.take(lines, dropped=ended - granted)
        if malformed < len(lines):
            guest.understood()
        else:
            guest.nonsense += malformed
        if guest.nonsense >= MOST_NONSENSE:
            self._intake.note_closed("of their lines none was understood")
            self._close(guest)
        else:
            loop = asyncio.get_running_loop()
            self._last_turn_s = max(self._last_turn_s, loop.time()) + _TURN_S
            loop.call_at(self._last_turn_s, guest.resume)

    def close(self) -> None:
        """Close all."""
        for guest in list(self._all):
            self._close(guest)

    def _close(self, guest: Guest) -> None:
        self._all.discard(guest)
        guest.close()


class Guest(asyncio.BufferedProtocol):
    """One connection. It is buffered, so that it is never read further than its buffer is long."""

    def __init__(self, guests: Guests) -> None:
        self.lines = Lines()
        self.nonsense = 0
        self.was_understood = False
        self.since_s = asyncio.get_running_loop().time()
        """When it was understood last, or made."""
        self._guests = guests
        self._buffer = bytearray(_PIECE_BYTES)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport = cast("asyncio.Transport", transport)
        self._guests.enter(self)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
        self._guests.hear(self, bytes(memoryview(self._buffer)[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._guests.leave(self)

    def understood(self) -> None:
        """There was a line that made sense."""
        self.nonsense = 0
        self.was_understood = True
        self.since_s = asyncio.get_running_loop().time()

    def resume(self) -> None:
        """It is this connection's turn again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()
