"""The worker processes: started, started again when one dies, and stopped without cutting a request short."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process

from keystile.cli.failure import CommandError
from keystile.process import without_our_variables
from keystile.settings import Settings, encode

GRACE_S = 30.0
"""How long requests in flight may take to finish."""
SETTLED_S = 10.0
"""A worker that lived this long had started well; the next start needs no pause."""
LONGEST_PAUSE_S = 5.0
FATAL_FAILURES = 3
"""So many failures in a row, before the first answer, mean that starting again will not help."""

_FIRST_PAUSE_S = 0.1

logger = logging.getLogger(__name__)


class Workers:
    """As many workers as the settings say, all accepting from the same listening socket."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = encode(settings)
        self._count = settings.workers
        self._listener = listener
        self._processes: set[Process] = set()
        self._slots: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self.answered = False
        """Set once the Hub has answered: from then on no worker's death is fatal."""

    def start(self) -> list[asyncio.Task[None]]:
        """Start them all. A task that ends with an error means that workers cannot start at all."""
        self._slots = [asyncio.create_task(self._keep_one(place)) for place in range(self._count)]
        return self._slots

    async def stop(self, hurry: asyncio.Event) -> None:
        """Let requests in flight finish, for a while at most; `hurry` ends the patience at once."""
        self._stopping.set()
        # Once the workers have closed theirs too, new clients are refused instead of left waiting.
        self._listener.close()
        self._signal(signal.SIGTERM)
        hurrying = asyncio.create_task(hurry.wait())
        ended = asyncio.create_task(self._all_ended())
        await asyncio.wait({ended, hurrying}, timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        self._signal(signal.SIGKILL)
        await ended

    async def _all_ended(self) -> None:
        await asyncio.gather(*self._slots, return_exceptions=True)

    async def _keep_one(self, place: int) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            started_s = loop.time()
            status = await self._run_one(place)
            if self._stopping.is_set():
                return
            failures = 0 if loop.time() - started_s >= SETTLED_S else failures + 1
            if failures >= FATAL_FAILURES and not self.answered:
                raise CommandError(f"the Hub's workers cannot start (exit status {status})")
            pause_s = min(_FIRST_PAUSE_S * 2**failures, LONGEST_PAUSE_S)
            logger.warning("a worker ended with status %s; starting another", status)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _run_one(self, place: int) -> int:
        process = await self._spawn(place)
        self._processes.add(process)
        try:
            if self._stopping.is_set():
                process.terminate()
            await self._hand_over(process)
            return await process.wait()
        finally:
            self._processes.discard(process)

    async def _spawn(self, place: int) -> Process:
        """A session of its own keeps the terminal's Ctrl-C away; the worker asks to die with its parent."""
        number = self._listener.fileno()
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "keystile.hub.worker",
            "--fd",
            str(number),
            "--place",
            str(place),
            "--parent",
            str(os.getpid()),
            stdin=PIPE,
            pass_fds=(number,),
            start_new_session=True,
            env=without_our_variables(),
        )

    async def _hand_over(self, process: Process) -> None:
        """The settings, secrets included, go through a pipe that nobody else can read."""
        if process.stdin is None:
            raise RuntimeError("a worker was started without a pipe")
        with contextlib.suppress(ConnectionError):
            process.stdin.write(self._settings)
            await process.stdin.drain()
        process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
