"""Waiting until this machine's gate has seen a change."""

from __future__ import annotations

import asyncio
from typing import Protocol

_STEP_S = 0.001
_LONGEST_S = 2.0


class Follows(Protocol):
    """The part of a gate that says how far it has followed the feed."""

    @property
    def applied_revision(self) -> int:
        """The last revision that decisions take into account."""


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
