"""A line on the terminal that says how far a scan is, out of the way of what it prints."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

_INTERVAL_S = 0.25


class Progress:
    """Shown on stderr, if that is a terminal, once a scan takes longer than an instant."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        console = Console(stderr=True)
        self._shown = console.is_terminal
        # Rich would send stdout to stderr, so that what a pipe waits for would not come.
        self._live = Live(
            console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._due_s = time.monotonic() + _INTERVAL_S

    def __enter__(self) -> Progress:
        """Begin with nothing on the screen."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave nothing on the screen."""
        self.clear()

    def tell(self, looked_at: int) -> None:
        """Say how many have been looked at, a few times a second."""
        now_s = time.monotonic() if self._shown else 0.0
        if now_s < self._due_s:
            return
        self._due_s = now_s + _INTERVAL_S
        self._live.start()
        self._live.update(Text(f"looking: {looked_at:,} {self._noun}"), refresh=True)

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        self._live.stop()
