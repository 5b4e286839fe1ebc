"""Work beside the feed that no gate needs: it may fail, and must not take the agent with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

_PAUSE_S = 10.0


async def lasting(name: str, work: Callable[[], Awaitable[None]], pause_s: float = _PAUSE_S) -> None:
    """Do `work` until it ends by itself or is cancelled; whatever it fails of is logged, and it is begun again."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("the %s failed; it is begun again in %g s", name, pause_s)
        else:
            return
        await asyncio.sleep(pause_s)
