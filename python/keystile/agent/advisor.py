"""What is to be looked at in keys, where that takes too long whenever somebody asks: looked for each hour."""

from __future__ import annotations

import asyncio
import logging

from keystile.store import findings
from keystile.store.pool import FAILURES, connect

logger = logging.getLogger(__name__)

_INTERVAL_S = 3_600.0


class Advisor:
    """Looks for findings each hour, in turns with the other machines' agents, over connections of its own."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def run(self) -> None:
        """Until cancelled; what fails is tried again an hour later."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)

    async def look(self) -> None:
        """Once, unless another agent did lately; what fails is logged."""
        try:
            conn = await connect(self._url)
            try:
                await findings.look(conn)
            finally:
                conn.terminate()
        except FAILURES as error:
            logger.warning("advice is as old as it is: %s", str(error) or type(error).__name__)
