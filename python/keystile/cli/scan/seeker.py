"""Looks for secrets in a stream of bytes, piece by piece, and says in which line and column they stand."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from keystile.cli.scan.pattern import Pattern

PIECE_BYTES = 1 << 20
_BEFORE = 4  # bytes before a secret that may decide whether it is one

# A byte order mark, the line ends that follow from it, and how many bytes a column has.
_MARKS = ((codecs.BOM_UTF16_LE, b"\n\0", 2), (codecs.BOM_UTF16_BE, b"\0\n", 2), (codecs.BOM_UTF8, b"\n", 1))


class Place(NamedTuple):
    """Where a secret stands, counted from 1, and as much of it as may be shown."""

    line: int
    column: int
    """In bytes; in characters where the stream begins with a mark of UTF-16."""
    start: str
    last4: str


class Seeker:
    """The state between two pieces of one stream: at most a secret's length of bytes, and where its line began."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        self._reach = max(pattern.reach for pattern in patterns)
        self._held = b""
        self._base = 0  # where in the stream `_held` begins
        self._judged = 0  # up to where in the stream secrets have been looked for, and lines counted
        self._line = 1
        self._line_start = 0
        self._newline = b"\n"
        self._unit = 1

    def feed(self, piece: bytes, *, last: bool) -> list[Place]:
        """The secrets that are certain by now; those whose surroundings are not complete come with a later piece."""
        data = self._held + piece if self._held else piece
        if self._judged == 0:
            self._read_mark(data)
        begin = self._judged - self._base
        end = len(data) if last else max(len(data) - self._reach, begin)
        places = [self._place(data, at, secret) for at, secret in self._secrets(data, begin, end)]
        if not last:
            self._count(data, end)
            kept = max(end - _BEFORE, 0)
            self._held = data[kept:]
            self._base += kept
        return places

    def _secrets(self, data: bytes, begin: int, end: int) -> list[tuple[int, str]]:
        if len(self._patterns) == 1:
            return sorted(self._patterns[0].secrets(data, begin, end))
        return sorted({found for pattern in self._patterns for found in pattern.secrets(data, begin, end)})

    def _place(self, data: bytes, at: int, secret: str) -> Place:
        self._count(data, at)
        column = (self._base + at - self._line_start) // self._unit + 1
        return Place(self._line, column, secret[:8], secret[-4:])

    def _count(self, data: bytes, upto: int) -> None:
        """Count the lines that end before `upto`."""
        begin = self._judged - self._base
        stop = upto + len(self._newline) - 1
        if lines := data.count(self._newline, begin, stop):
            self._line += lines
            self._line_start = self._base + data.rfind(self._newline, begin, stop) + len(self._newline)
        self._judged = self._base + upto

    def _read_mark(self, data: bytes) -> None:
        for mark, newline, unit in _MARKS:
            if data.startswith(mark):
                self._newline, self._unit, self._line_start = newline, unit, len(mark)


def places_in(pieces: Iterable[bytes], patterns: Sequence[Pattern]) -> Iterator[Place]:
    """Every secret of a stream. Holds one piece at a time."""
    seeker = Seeker(patterns)
    for piece in pieces:
        yield from seeker.feed(piece, last=False)
    yield from seeker.feed(b"", last=True)


def redact(text: str, patterns: Sequence[Pattern]) -> str:
    """The text without secrets, for a path that holds one."""
    for pattern in patterns:
        raw = text.encode("utf-8", "surrogateescape")
        for _, secret in pattern.secrets(raw, 0, len(raw)):
            text = text.replace(secret, f"{secret[:8]}…{secret[-4:]}")
    return text
