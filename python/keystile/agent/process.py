"""The agent as a process of its own: `python -m keystile.agent.process`, settings on stdin.

Settings come through a pipe, because arguments and the environment can be read by other processes. On stdout it says
once that the gate can decide.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys

from keystile.agent.agent import Agent
from keystile.errors import KeystileError, SettingsError
from keystile.logs import log_to_stderr
from keystile.process import die_with_parent
from keystile.settings import Settings, decode

READY = b"ready\n"
_GRACE_S = 15.0
"""How long the end may take, the last flush included. What was counted lies in shared memory and is not lost."""


def main() -> int:
    """Run until SIGTERM, then flush once more; the exit code."""
    parser = argparse.ArgumentParser(prog="keystile.agent.process", description=__doc__)
    parser.add_argument("--parent", type=int, default=os.getppid(), help="pid of the supervisor")
    arguments = parser.parse_args()
    die_with_parent(signal.SIGTERM, parent=arguments.parent)
    try:
        settings = decode(sys.stdin.buffer.read())
        log_to_stderr(settings.log_level, settings.log_format, "agent")
        asyncio.run(_run(settings))
    except (KeystileError, OSError) as error:
        print(f"keystile agent: {error}", file=sys.stderr)  # noqa: T201 - for the person who started it
        return 1
    return 0


def cause(error: BaseException) -> BaseException:
    """What a task group failed of: its first error, which has words for a person."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run(settings: Settings) -> None:
    if settings.database_url is None:
        raise SettingsError("database_url is needed")
    agent = Agent(settings, settings.database_url)
    running = asyncio.create_task(agent.run())
    announcing = asyncio.create_task(_announce(agent))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        running.cancel()
        # Nobody else ends an agent whose supervisor is gone, whatever it waits for.
        loop.call_later(_GRACE_S, os._exit, 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    except BaseExceptionGroup as error:
        raise cause(error) from None
    finally:
        announcing.cancel()


async def _announce(agent: Agent) -> None:
    await agent.ready.wait()
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), READY)


if __name__ == "__main__":
    raise SystemExit(main())
