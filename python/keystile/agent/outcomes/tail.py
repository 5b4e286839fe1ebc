"""Follows a log file as it grows, is rotated or is cut off."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
from pathlib import Path

from keystile.agent.outcomes.aside import aside
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.stream import Lines

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_PIECE_BYTES = 16_384
_PAUSE_S = 0.0125
"""Between two pieces of a backlog: with the size of one the most that is read in a second."""
_LINES_PER_S = 10_000
"""After a piece of many short lines the pause is longer. A file can wait, so nothing of it is dropped."""


class Tail:
    """Begins at the end of what there is; a file that comes later is read from its start.

    A disk may hang, and must keep neither the gate from being fresh nor the agent from ending. So files are read in
    threads that nobody else uses, and that nobody waits for at the end.
    """

    def __init__(self, path: Path, intake: Intake, *, look_every_s: float = _LOOK_EVERY_S) -> None:
        self._path = path
        self._intake = intake
        self._look_every_s = look_every_s
        self._lines = Lines()
        self._turn = threading.Lock()
        self._file: int | None = None
        self._is_first = True
        self._is_complete = False
        self._told = ""

    async def run(self) -> None:
        """Until cancelled. What cannot be read is logged once and tried again."""
        try:
            while True:
                piece = await aside(self._next)
                if piece:
                    self._intake.take(self._lines.feed(piece))
                    await asyncio.sleep(max(_PAUSE_S, piece.count(b"\n") / _LINES_PER_S))
                else:
                    await asyncio.sleep(self._look_every_s)
        finally:
            # A read that hangs has the file still.
            threading.Thread(target=self._close, name="outcomes file", daemon=True).start()

    def _next(self) -> bytes:
        """What comes next in the file; nothing at its end."""
        with self._turn:
            try:
                piece = self._read()
                self._told = ""
            except OSError as error:
                if str(error) != self._told:
                    logger.warning("outcomes cannot be read: %s", error)
                self._told = str(error)
                return b""
            return piece

    def _read(self) -> bytes:
        if self._file is None:
            self._open()
        if self._file is None:
            return b""
        self._start_anew_if_cut_off(self._file)
        piece = os.read(self._file, _PIECE_BYTES)
        if piece:
            return piece
        if self._is_complete:
            self._switch()
        else:
            # Whoever writes has begun the next file, so what is read of this one from now on is all there will be.
            self._is_complete = self._is_replaced(self._file)
        return b""

    def _open(self) -> None:
        """Open the file if it is there. The first one may be old: only what comes from now on counts."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except FileNotFoundError:
            self._is_first = False
            return
        # Not before: what could not be opened for another reason is as old when it can.
        was_first, self._is_first = self._is_first, False
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(f"{self._path} is not a file")
        if was_first:
            os.lseek(file, 0, os.SEEK_END)
        self._lines.reset()
        self._file = file

    def _start_anew_if_cut_off(self, file: int) -> None:
        if os.fstat(file).st_size < os.lseek(file, 0, os.SEEK_CUR):
            os.lseek(file, 0, os.SEEK_SET)
            self._lines.reset()

    def _is_replaced(self, file: int) -> bool:
        """Whether another file has taken the place, and something was written to it."""
        try:
            there, here = self._path.stat(), os.fstat(file)
        except FileNotFoundError:
            return False
        return there.st_size > 0 and (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _switch(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._is_complete = False
        self._open()

    def _close(self) -> None:
        with self._turn:
            if self._file is not None:
                os.close(self._file)
            self._file = None
