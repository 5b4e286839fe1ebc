"""Faults of one machine: each a context in which it goes wrong, and after which it is whole again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

from tests.faults.machine import Machine, until
from tests.faults.proxy import Mode, Way

_WAITING = "waiting to take over"
MachineFault = Callable[[Machine, Random], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def black_hole(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Bytes vanish, in one direction or both, and nobody says so."""
    for way in _directions(machine, random):
        way.mode = Mode.SWALLOW
    try:
        yield
    finally:
        machine.proxy.pass_all()


@asynccontextmanager
async def unplugged(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Bytes wait in one direction or both: old answers arrive at the end."""
    for way in _directions(machine, random):
        way.mode = Mode.HOLD
    try:
        yield
    finally:
        machine.proxy.pass_all()


@asynccontextmanager
async def resets(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Connections are reset, again and again."""
    async with _again_and_again(machine.proxy.reset, random):
        yield


@asynccontextmanager
async def half_closes(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Connections are closed from one side, again and again."""
    async with _again_and_again(machine.proxy.half_close, random):
        yield


@asynccontextmanager
async def drip(machine: Machine, random: Random) -> AsyncIterator[None]:
    """One byte a second."""
    random.choice([machine.proxy.to_server, machine.proxy.to_client]).mode = Mode.DRIP
    try:
        yield
    finally:
        machine.proxy.pass_all()


@asynccontextmanager
async def delays(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Every answer is late, by less or by more than the agent waits."""
    machine.proxy.to_client.delay_s = random.uniform(0.05, 0.5)
    try:
        yield
    finally:
        machine.proxy.pass_all()


@asynccontextmanager
async def refusal(machine: Machine, random: Random) -> AsyncIterator[None]:
    """No connection lives, and none can be made."""
    await machine.proxy.refuse()
    machine.proxy.reset()
    try:
        yield
    finally:
        await machine.proxy.accept()


@asynccontextmanager
async def cut_answers(machine: Machine, random: Random) -> AsyncIterator[None]:
    """Each answer is cut at its first row."""
    machine.proxy.cut.rows(1_000_000)
    try:
        yield
    finally:
        machine.proxy.cut.rows(0)


@asynccontextmanager
async def agent_killed(machine: Machine, random: Random) -> AsyncIterator[None]:
    """The agent is killed while another one waits, which must take over."""
    first = await _with_a_second(machine)
    await asyncio.sleep(random.uniform(0, 0.05))
    await machine.kill(first)
    yield


@asynccontextmanager
async def agent_stopped(machine: Machine, random: Random) -> AsyncIterator[None]:
    """The agent hangs while another one waits, which must end it and take over."""
    first = await _with_a_second(machine)
    await asyncio.sleep(random.uniform(0, 0.05))
    first.send_signal(signal.SIGSTOP)
    yield
    await until(lambda: first.returncode is not None, "the agent that hangs is ended")
    machine.agents.remove(first)


async def _with_a_second(machine: Machine) -> Process:
    """Start an agent that waits; the one that it waits for."""
    (first,) = machine.agents
    waited = machine.output.read_text().count(_WAITING)
    await machine.start_agent()
    await until(lambda: machine.output.read_text().count(_WAITING) > waited, "a second agent waits")
    return first


def _directions(machine: Machine, random: Random) -> list[Way]:
    both = [machine.proxy.to_server, machine.proxy.to_client]
    return random.choice([both, both[:1], both[1:]])


@asynccontextmanager
async def _again_and_again(what: Callable[[], None], random: Random) -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            what()
            await asyncio.sleep(random.uniform(0.01, 0.2))

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going


FAULTS: dict[str, MachineFault] = {
    "black_hole": black_hole,
    "unplugged": unplugged,
    "resets": resets,
    "half_closes": half_closes,
    "drip": drip,
    "delays": delays,
    "refusal": refusal,
    "cut_answers": cut_answers,
    "agent_killed": agent_killed,
    "agent_stopped": agent_stopped,
}
