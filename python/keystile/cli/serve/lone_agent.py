"""One agent without a Hub."""

from __future__ import annotations

import asyncio
import logging

from keystile.cli.database import running_url
from keystile.cli.failure import CommandError
from keystile.cli.output import note
from keystile.cli.serve.keeper import AgentKeeper
from keystile.cli.serve.signals import StopSignals
from keystile.errors import StoreError
from keystile.settings import Settings, segment_path
from keystile.store.fitness import Unfit, check_fitness

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
    keeper = AgentKeeper(settings, url)
    stopping = asyncio.create_task(signals.stop.wait())
    ready = asyncio.create_task(keeper.ready.wait())
    try:
        await asyncio.wait({keeper.task, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            note(f"The gate at {segment_path(settings)} is fresh.")
            await asyncio.wait({keeper.task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if keeper.task.done():
            keeper.task.result()
    finally:
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
