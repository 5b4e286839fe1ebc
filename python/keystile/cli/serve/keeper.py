"""Keeps one agent running in this process."""

from __future__ import annotations

import asyncio
import logging

from keystile.agent.agent import Agent
from keystile.settings import Settings

FLUSH_GRACE_S = 10.0
"""How long the last flush may take; what is not flushed stays in the segment for the next agent."""
_RESTART_PAUSE_S = 1.0

logger = logging.getLogger(__name__)


class AgentKeeper:
    """Runs the agent, and another one when it fails after a good start; a bad start ends `task`."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self._keep(), name="agent")

    async def stop(self) -> None:
        """Cancel the agent and wait for its last flush."""
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=FLUSH_GRACE_S)

    async def _keep(self) -> None:
        while True:
            agent = Agent(self._settings, self._database_url)
            announcing = asyncio.create_task(self._announce(agent))
            try:
                await agent.run()
            except Exception as error:
                if not self.ready.is_set():
                    raise _cause(error) from None
                logger.exception("the agent failed; starting another")
            finally:
                announcing.cancel()
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _announce(self, agent: Agent) -> None:
        await agent.ready.wait()
        self.ready.set()


def _cause(error: Exception) -> Exception:
    """What a task group failed of: its first error, which has words for a person."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
