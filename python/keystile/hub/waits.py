"""Waiting until a change has arrived: at this machine's gate, or at every gate there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from keystile._core import boottime
from keystile.hub.errors import NotConfirmed
from keystile.store.receipts import Standing, Standings, surely_over_ns

_STEP_S = 0.001
_LONGEST_STEP_S = 0.05
_LONGEST_S = 2.0

Look = Callable[[int], Awaitable[Standings]]


class Follows(Protocol):
    """The part of a gate that says how far it has followed the feed."""

    @property
    def applied_revision(self) -> int:
        """The last revision that decisions take into account."""


class Commit(msgspec.Struct):
    """What became of a transaction; filled in once it is committed."""

    revision: int = 0
    at_ns: int = 0
    """Boot time, not before the commit."""


class GateName(msgspec.Struct, frozen=True):
    """One gate; its machine is told to callers of the home tenant only."""

    gate: str
    machine: str | None


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every gate has a change: `gates` of them were asked."""

    revision: int
    confirmed: bool
    """Whether no gate decides without the change any more."""
    gates: int
    waited_out: list[GateName]
    """Gates that did not report; by now they refuse everything, until they have the change."""
    unconfirmed: list[GateName]
    """Gates that did not report and go on without the change, because their `stale_policy` is `allow`."""


async def until_applied(gate: Follows, revision: int, *, longest_s: float = _LONGEST_S) -> bool:
    """Wait until the gate has applied `revision`, at most `longest_s` seconds; whether it has.

    So a client that creates a key can use it in its next request here. A gate that is behind for longer is
    not waited for: the change is committed, and the feed delivers it.
    """
    deadline = asyncio.get_running_loop().time() + longest_s
    while gate.applied_revision < revision:
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(_STEP_S)
    return True


async def until_confirmed(look: Look, commit: Commit) -> Confirmation:
    """Wait until every gate has applied the commit or, by this machine's clock, cannot hold a lease from before it.

    A lease counts from the sending of a poll whose answer was applied. So of a gate that has not applied the commit
    it ends at the latest its `stale_after` after the commit: no clock of another machine is asked.
    NotConfirmed when the database cannot tell any more.
    """
    missed: dict[str, Standing] = {}
    step_s = _STEP_S
    while True:
        standings = await look(commit.revision)
        if standings.head < commit.revision:
            raise NotConfirmed("The database was set back to before the change; make it again.")
        waiting = _waiting(standings, boottime() - commit.at_ns)
        missed.update((gate.gate, gate) for gate in standings.gates if not gate.applied)
        if not waiting:
            return _confirmation(commit.revision, standings, missed)
        await asyncio.sleep(step_s)
        step_s = min(step_s * 1.5, _LONGEST_STEP_S)


def unconfirmed(commit: Commit) -> Confirmation:
    """What is known when no receipt could be had."""
    return Confirmation(revision=commit.revision, confirmed=False, gates=0, waited_out=[], unconfirmed=[])


def without_machines(confirmation: Confirmation) -> Confirmation:
    """The same for a caller whom the machines' names do not concern."""
    return msgspec.structs.replace(
        confirmation,
        waited_out=[GateName(gate.gate, None) for gate in confirmation.waited_out],
        unconfirmed=[GateName(gate.gate, None) for gate in confirmation.unconfirmed],
    )


def _waiting(standings: Standings, waited_ns: int) -> bool:
    if not standings.known_to_all and waited_ns < surely_over_ns(standings.longest_lease_ms):
        return True
    return any(
        not gate.applied and not gate.lapsed and waited_ns < surely_over_ns(gate.stale_after_ms)
        for gate in standings.gates
    )


def _confirmation(revision: int, standings: Standings, missed: dict[str, Standing]) -> Confirmation:
    applied = {gate.gate for gate in standings.gates if gate.applied}
    late = [gate for gate in missed.values() if gate.gate not in applied]
    unconfirmed = [GateName(gate.gate, gate.machine) for gate in late if gate.stale_policy == "allow"]
    return Confirmation(
        revision=revision,
        confirmed=not unconfirmed,
        gates=len(applied) + len(late),
        waited_out=[GateName(gate.gate, gate.machine) for gate in late if gate.stale_policy != "allow"],
        unconfirmed=unconfirmed,
    )
