"""Keeps one agent running, as a process of its own: nothing that the rest does can hold it up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process

from keystile.agent.process import READY
from keystile.agent.vigil import Vigil, patience_s
from keystile.cli.failure import CommandError
from keystile.process import without_our_variables
from keystile.settings import Settings, encode, segment_path

FLUSH_GRACE_S = 10.0
"""How long the last flush may take; what is not flushed stays in the segment for the next agent."""
LONGEST_PAUSE_S = 2.0

_FIRST_PAUSE_S = 0.05
_SETTLED_S = 5.0
_LOOK_S = 0.1

logger = logging.getLogger(__name__)


class AgentKeeper:
    """Starts the agent, and another one when it dies or hangs; one that cannot start at all ends `task`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: Process | None = None
        self._stopping = False
        self.ready = asyncio.Event()
        """Set when this machine's gate can decide."""
        self.task = asyncio.create_task(self._keep(), name="agent")

    async def stop(self) -> None:
        """End the agent and wait for its last flush."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), FLUSH_GRACE_S)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = loop.time()
            status = await self._run_one()
            if self._stopping:
                await asyncio.Event().wait()
            if not self.ready.is_set():
                raise CommandError(f"the agent cannot start (exit status {status})")
            if loop.time() - started_s >= _SETTLED_S:
                pause_s = _FIRST_PAUSE_S
            logger.warning("the agent ended with status %s; starting another", status)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run_one(self) -> int:
        """One agent from its start to its end; its exit status."""
        self._process = process = await self._spawn()
        beside = [asyncio.create_task(self._announce(process)), asyncio.create_task(self._watch(process))]
        try:
            with contextlib.suppress(ConnectionError):
                await _hand_over(process, encode(self._settings))
            return await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            for task in beside:
                task.cancel()

    async def _spawn(self) -> Process:
        """A session of its own keeps the terminal's Ctrl-C away; the agent asks to die with its parent."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "keystile.agent.process",
            "--parent",
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
            env=without_our_variables(),
        )

    async def _announce(self, process: Process) -> None:
        if process.stdout is not None and await process.stdout.readline() == READY:
            self.ready.set()

    async def _watch(self, process: Process) -> None:
        """An agent that hangs is killed: it is this one's child, and the only one that this one may judge."""
        vigil = Vigil(segment_path(self._settings), patience_s(self._settings))
        while True:
            holder = vigil.look()
            if holder is not None and holder.pid == process.pid:
                logger.error("the agent hangs; ending it")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                return
            await asyncio.sleep(_LOOK_S)


async def _hand_over(process: Process, settings: bytes) -> None:
    """The settings, secrets included, go through a pipe that nobody else can read."""
    if process.stdin is None:
        raise RuntimeError("an agent was started without a pipe")
    process.stdin.write(settings)
    await process.stdin.drain()
    process.stdin.close()
