"""One agent without a Hub."""

from __future__ import annotations

import asyncio
import logging

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.agent.process import cause
from keystile.cli.database import running_url
from keystile.cli.failure import CommandError
from keystile.cli.output import note
from keystile.cli.serve.notify import READY, STOPPING, Notifier
from keystile.cli.serve.signals import StopSignals
from keystile.errors import StoreError
from keystile.settings import Settings, segment_path
from keystile.store.fitness import Unfit, check_fitness

FLUSH_GRACE_S = 10.0
"""How long the last flush may take; what is not flushed stays in the segment for the next agent."""
_RESTART_PAUSE_S = 1.0

logger = logging.getLogger(__name__)


async def run_agent(settings: Settings) -> None:
    """Run until a signal; the last flush comes before the return. Raises what ends the agent for good."""
    url = running_url(settings)
    if url is None:
        raise CommandError(
            f"no database: set KEYSTILE_DATABASE_URL, or start `keystile serve` on {settings.data} first"
        )
    await _check(url)
    signals = StopSignals()
    manager = Notifier()
    keeper = _Keeper(settings, url)
    stopping = asyncio.create_task(signals.stop.wait())
    ready = asyncio.create_task(keeper.ready.wait())
    try:
        await asyncio.wait({keeper.task, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            path = segment_path(settings)
            fresh = Gate.attach(path).fresh
            note(f"The gate at {path} is fresh." if fresh else f"The gate at {path} refuses; the log says why.")
            manager.tell(READY)
            await asyncio.wait({keeper.task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if keeper.task.done():
            keeper.task.result()
    finally:
        manager.tell(STOPPING)
        ready.cancel()
        stopping.cancel()
        await keeper.stop()


async def _check(url: str) -> None:
    """Refuse a database that will never do; one that is away may come back."""
    try:
        await check_fitness(url, migrated=True)
    except Unfit:
        raise
    except StoreError as error:
        logger.warning("%s; trying again", error)


class _Keeper:
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
                    raise cause(error) from None
                logger.exception("the agent failed; starting another")
            finally:
                announcing.cancel()
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _announce(self, agent: Agent) -> None:
        await agent.ready.wait()
        self.ready.set()
