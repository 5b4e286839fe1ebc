"""What application workers did, written down so cheaply that they can do it for each request.

One file for each worker, mapped into its memory: what was written there belongs to the kernel, so `kill -9` loses
none of it. A request is announced before the gate is asked and completed after it has answered; one without an
answer was under way when its worker died, and may have been counted or not.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CODES = (
    "",
    "ok",
    "gate_stale",
    "unknown_key",
    "revoked_key",
    "disabled_key",
    "expired_key",
    "rate_limited",
    "insufficient_scope",
    "malformed_key",
    "too_many_failures",
    "no_gate",
)
"""What a request can be answered, by its number in the log. The first: nothing (yet)."""

UNDER_WAY = CODES[0]
_NUMBERS = {code: number for number, code in enumerate(CODES)}
_ENTRY = struct.Struct("=QQIHH")
_START = struct.Struct("=Q")
_ANSWER = struct.Struct("=QIHH")
_MOST = 8_000_000


class Request(NamedTuple):
    """One request. Instants are nanoseconds of CLOCK_BOOTTIME; `end_ns` is 0 without an answer."""

    start_ns: int
    end_ns: int
    secret: int
    """The number of the secret among those that the test has issued."""
    code: str
    gate: int
    """The number of the machine."""


def now_ns() -> int:
    """CLOCK_BOOTTIME, read without the product."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Log:
    """The worker's side."""

    def __init__(self, path: Path, gate: int) -> None:
        self._gate = gate
        with path.open("w+b") as file:
            # A sparse file: only what is used takes room.
            file.truncate(_MOST * _ENTRY.size)
            self._map = mmap.mmap(file.fileno(), _MOST * _ENTRY.size)
        self._at = 0

    def begin(self, secret: int) -> None:
        """A request starts now. Its start is written last: it makes the entry one."""
        start_ns = now_ns()
        _ANSWER.pack_into(self._map, self._at + 8, 0, secret, 0, self._gate)
        _START.pack_into(self._map, self._at, start_ns)

    def end(self, secret: int, code: str) -> None:
        """It was answered."""
        _ANSWER.pack_into(self._map, self._at + 8, now_ns(), secret, _NUMBERS[code], self._gate)
        self._at += _ENTRY.size

    def lose(self) -> None:
        """It will never be answered."""
        self._at += _ENTRY.size


def read(path: Path, first: int = 0) -> Iterator[Request]:
    """Every request of one worker, living or dead, from its `first` on."""
    with path.open("rb") as file:
        file.seek(first * _ENTRY.size)
        while block := file.read(_ENTRY.size * 4_096):
            for start_ns, end_ns, secret, code, gate in _ENTRY.iter_unpack(block):
                if not start_ns:
                    return
                yield Request(start_ns, end_ns if code else 0, secret, CODES[code], gate)


def read_all(folder: Path) -> Iterator[Request]:
    """Every request of every worker that wrote into `folder`."""
    for path in sorted(folder.glob("*.log")):
        yield from read(path)


class Reader:
    """What was answered since the last look, by all workers that write into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, int] = {}

    def new(self) -> list[Request]:
        """The requests that are answered by now and were not given yet; those under way come later."""
        found: list[Request] = []
        for path in self._folder.glob("*.log"):
            seen = self._seen.get(path, 0)
            requests = list(read(path, seen))
            # Only the last one can still be answered.
            if requests and requests[-1].code == UNDER_WAY:
                requests.pop()
            found += requests
            self._seen[path] = seen + len(requests)
        return found
