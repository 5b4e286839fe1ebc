"""Faults of one machine's network: each a context in which it goes wrong, and after which it is whole again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

from tests.faults.proxy import Mode, Proxy

NetworkFault = Callable[[Proxy, Random], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def black_hole(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Bytes vanish, in one direction or both, and nobody says so."""
    for way in random.choice([[proxy.to_server], [proxy.to_client], [proxy.to_server, proxy.to_client]]):
        way.mode = Mode.SWALLOW
    yield
    proxy.pass_all()


@asynccontextmanager
async def unplugged(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Bytes wait in one direction or both: old answers arrive at the end."""
    for way in random.choice([[proxy.to_server], [proxy.to_client], [proxy.to_server, proxy.to_client]]):
        way.mode = Mode.HOLD
    yield
    proxy.pass_all()


@asynccontextmanager
async def resets(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Connections are reset, again and again."""
    async with _again_and_again(proxy.reset, random):
        yield


@asynccontextmanager
async def half_closes(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Connections are closed from one side, again and again."""
    async with _again_and_again(proxy.half_close, random):
        yield


@asynccontextmanager
async def drip(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """One byte a second."""
    random.choice([proxy.to_server, proxy.to_client]).mode = Mode.DRIP
    yield
    proxy.pass_all()


@asynccontextmanager
async def delays(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Every answer is late, by less or by more than the agent waits."""
    proxy.to_client.delay_s = random.uniform(0.05, 0.5)
    yield
    proxy.pass_all()


@asynccontextmanager
async def refusal(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """No connection lives, and none can be made."""
    await proxy.refuse()
    proxy.reset()
    yield
    await proxy.accept()


@asynccontextmanager
async def cut_answers(proxy: Proxy, random: Random) -> AsyncIterator[None]:
    """Each answer is cut at its first row."""
    proxy.cut.rows(1_000_000)
    yield
    proxy.cut.rows(0)


@asynccontextmanager
async def _again_and_again(what: Callable[[], None], random: Random) -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            what()
            await asyncio.sleep(random.uniform(0.01, 0.2))

    going = asyncio.create_task(go_on())
    yield
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going


FAULTS: dict[str, NetworkFault] = {
    fault.__name__: fault  # type: ignore[attr-defined]
    for fault in (black_hole, unplugged, resets, half_closes, drip, delays, refusal, cut_answers)
}
