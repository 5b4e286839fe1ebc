"""Cuts a stream of bytes into lines, in bounded memory."""

from __future__ import annotations

import sys

from keystile.agent.outcomes.line import MOST_BYTES


class Lines:
    """The lines of one connection or file. One that is too long is cut there, and then says nothing any more."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes, most: int = sys.maxsize) -> list[bytes]:
        """The first `most` lines that end in `data`, without blank ones; what follows the last of all is kept.

        Lines beyond `most` cost nothing: they are not even split.
        """
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        whole = data[:end].split(b"\n", most)[:most]
        if whole:
            self._keep(whole[0])
            whole[0] = bytes(self._rest)
        self._rest.clear()
        self._keep(data[end + 1 :])
        return [line[:MOST_BYTES] for line in whole if line and not line.isspace()]

    def reset(self) -> None:
        """Forget what was begun: its end will not come."""
        self._rest.clear()

    def _keep(self, data: bytes) -> None:
        self._rest += data[: MOST_BYTES - len(self._rest)]
