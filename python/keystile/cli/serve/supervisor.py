"""Starts the parts of `keystile serve` in order, watches over them, and stops them in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from contextlib import AsyncExitStack
from typing import TypeVar

import msgspec

from keystile.cli.database import database
from keystile.cli.serve.keeper import AgentKeeper
from keystile.cli.serve.listener import listen, publish, url_of
from keystile.cli.serve.notify import READY, STOPPING, Notifier
from keystile.cli.serve.prepare import prepare
from keystile.cli.serve.ready import until_ready
from keystile.cli.serve.signals import StopSignals
from keystile.cli.serve.welcome import Welcome
from keystile.cli.serve.workers import Workers
from keystile.pepper import pepper_bytes
from keystile.settings import Settings, segment_path

_Result = TypeVar("_Result")


async def supervise(settings: Settings, welcome: Welcome) -> None:
    """Serve until a signal, or until a part fails for good; that failure is raised after the clean-up."""
    signals = StopSignals()
    manager = Notifier()
    serving = asyncio.create_task(_serve(settings, welcome, manager, signals.hurry))
    stopping = asyncio.create_task(signals.stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    manager.tell(STOPPING)
    # Also in the middle of starting: whatever is running by then is stopped in order on the way out.
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: Settings, welcome: Welcome, manager: Notifier, hurry: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        url = url_of(listener)
        base = await stack.enter_async_context(database(settings))
        link = await prepare(settings, base.url)
        settings = resolved(settings, base.url)

        agent = AgentKeeper(settings)
        watched = [base.watching, agent.task]
        stack.push_async_callback(agent.stop)
        await _unless_failed(agent.ready.wait(), watched)

        workers = Workers(settings, listener)
        watched += workers.start()
        stack.push_async_callback(workers.stop, hurry)
        await _unless_failed(until_ready(url), watched)
        workers.answered = True

        stack.callback(publish(settings.data, url).unlink, missing_ok=True)
        welcome.show(settings, url, link)
        manager.tell(READY)
        await _unless_failed(asyncio.Event().wait(), watched)


def resolved(settings: Settings, database_url: str) -> Settings:
    """The settings with everything that a worker would otherwise have to find out by itself."""
    current, *retired = (pepper.hex() for pepper in pepper_bytes(settings))
    return msgspec.structs.replace(
        settings,
        database_url=database_url,
        segment=segment_path(settings),
        pepper=current,
        retired_peppers=tuple(retired),
    )


async def _unless_failed(wanted: Awaitable[_Result], watched: Iterable[asyncio.Task[None]]) -> _Result:
    """Wait for `wanted`; when one of the watched tasks ends first, raise its error instead."""
    waiting = asyncio.ensure_future(wanted)
    try:
        done, _ = await asyncio.wait({waiting, *watched}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
            raise RuntimeError(f"{task.get_name()} ended, which it never should")
        return waiting.result()
    finally:
        waiting.cancel()
