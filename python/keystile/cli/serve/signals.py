"""Signals as events: the first one asks to stop, the second one to hurry."""

from __future__ import annotations

import asyncio
import signal

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """`stop` is set by the first signal, `hurry` by the second."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            # nohup means that the terminal's end is to be ignored.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._arrived)

    def _arrived(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()
