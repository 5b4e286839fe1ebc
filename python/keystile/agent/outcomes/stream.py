"""Cuts a stream of bytes into lines, in bounded memory."""

from __future__ import annotations

from keystile.agent.outcomes.line import MOST_BYTES


class Lines:
    """The lines of one connection or file. One that is too long is cut there, and then says nothing any more."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`, without blank ones; what follows the last of them is kept."""
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        first, *others = data[:end].split(b"\n")
        self._keep(first)
        whole = [bytes(self._rest), *(line[:MOST_BYTES] for line in others)]
        self._rest.clear()
        self._keep(data[end + 1 :])
        return [line for line in whole if not line.isspace() and line]

    def reset(self) -> None:
        """Forget what was begun: its end will not come."""
        self._rest.clear()

    def _keep(self, data: bytes) -> None:
        self._rest += data[: MOST_BYTES - len(self._rest)]
