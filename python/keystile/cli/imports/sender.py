"""Sends lines in batches, a few at a time. A batch whose answer was lost is sent again: it makes nothing twice."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from keystile.cli.client import Client
from keystile.cli.failure import CommandError, Exit
from keystile.cli.imports.report import Report

PATH = "/v1/keys/import"
MOST_LINES = 1_000
"""As many as the Hub takes."""
MOST_BYTES = 1_000_000
IN_FLIGHT = 3
"""Batches that are with the Hub: one is stored while it reads the next, and one is on the way."""
PATIENCE_S = 60.0
"""How long a Hub may be away, or refuse for want of tokens, before this gives up."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_PASSING = {Exit.UNREACHABLE, Exit.RATE_LIMITED}


class Sender:
    """Takes lines, and hands the answers to `report` in the order of the lines."""

    def __init__(self, client: Client, report: Report, query: dict[str, object]) -> None:
        self._client = client
        self._report = report
        self._query = query
        self._numbers: list[int] = []
        self._lines: list[bytes] = []
        self._size = 0
        self._sent: deque[tuple[list[int], Future[dict[str, Any]]]] = deque()
        self._threads = ThreadPoolExecutor(IN_FLIGHT)
        self._stopping = threading.Event()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for what is on its way, unless something failed."""
        if kind is not None:
            self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def add(self, number: int, line: bytes) -> None:
        """Send a line, later perhaps."""
        if len(self._lines) == MOST_LINES or self._size + len(line) > MOST_BYTES:
            self._send()
        self._numbers.append(number)
        self._lines.append(line)
        self._size += len(line) + 1

    def finish(self) -> None:
        """Send what is left, and take every answer."""
        if self._lines:
            self._send()
        while self._sent:
            self._take()

    def _send(self) -> None:
        while len(self._sent) >= IN_FLIGHT:
            self._take()
        self._sent.append((self._numbers, self._threads.submit(self._ask, b"\n".join(self._lines))))
        self._numbers, self._lines, self._size = [], [], 0

    def _take(self) -> None:
        numbers, answer = self._sent[0]
        self._report.take(numbers, answer.result())
        self._sent.popleft()

    def _ask(self, batch: bytes) -> dict[str, Any]:
        """The answer, however often it takes to ask for it within PATIENCE_S."""
        deadline_s = time.monotonic() + PATIENCE_S
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return self._client.send_lines(PATH, batch, self._query)
            except CommandError as failure:
                wait_s = max(pause_s, failure.retry_after_s or 0)
                if failure.code not in _PASSING or time.monotonic() + wait_s > deadline_s:
                    raise
                if self._stopping.wait(wait_s):
                    raise
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
