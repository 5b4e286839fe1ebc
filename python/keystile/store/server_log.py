"""The embedded server's log file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_MAX_BYTES = 10_000_000
_TAIL_BYTES = 4_000
_TAIL_LINES = 15


class ServerLog:
    """One file that is appended to, and one older file; both of this user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = 0

    def rotate(self) -> None:
        """Keep a log that has grown long as the older one."""
        if self._size() > _MAX_BYTES:
            self._path.replace(self._path.with_suffix(".log.1"))

    def open(self) -> BinaryIO:
        """For a new process to write to; `tail` then tells of that process."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        stream = os.fdopen(os.open(self._path, flags, 0o600), "ab")
        self._start = self._size()
        return stream

    def tail(self) -> str:
        """The last lines written since the last `open`."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(max(self._start, self._size() - _TAIL_BYTES))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(lines[-_TAIL_LINES:]) or f"nothing in {self._path}"

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
