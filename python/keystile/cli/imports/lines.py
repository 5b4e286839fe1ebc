"""A file's lines, one at a time: none is held longer than it takes, however large file and line are."""

from __future__ import annotations

from typing import BinaryIO

MOST_BYTES = 65_536
"""Bytes of a line. What is longer is no key."""

_BYTE_ORDER_MARK = "\ufeff"


class BadLine(Exception):
    """A line that cannot be read. The lines after it can."""


class Lines:
    """An iterator over lines with their ends. A line that cannot be read raises BadLine, and the next call goes on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0
        """Of the line that was given last, from 1."""
        self.bytes_read = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """The next line."""
        raw = self._read(MOST_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > MOST_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = self._read(MOST_BYTES)
            raise BadLine(f"This line is longer than {MOST_BYTES} bytes.")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise BadLine("This line is not UTF-8 text.") from None
        return line.removeprefix(_BYTE_ORDER_MARK) if self.number == 1 else line

    def _read(self, most: int) -> bytes:
        raw = self._stream.readline(most)
        self.bytes_read += len(raw)
        return raw
