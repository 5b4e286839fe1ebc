"""What webhooks are told because time has passed: looked for every few minutes."""

from __future__ import annotations

import asyncio
import logging

from keystile.store import notices
from keystile.store.pool import FAILURES, connect

logger = logging.getLogger(__name__)

_INTERVAL_S = 300.0


class Herald:
    """Looks for what is to be told, in turns with the other machines' agents, over connections of its own."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def run(self) -> None:
        """Until cancelled; what fails is tried again the next time."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)

    async def look(self) -> None:
        """Once, unless another agent did lately; what fails is logged."""
        try:
            conn = await connect(self._url)
            try:
                await notices.look(conn)
            finally:
                conn.terminate()
        except FAILURES as error:
            logger.warning("webhooks are not told what is due: %s", str(error) or type(error).__name__)
