"""What piles up in the database with time, and nobody needs: old changes, and gates that are long gone."""

from __future__ import annotations

import asyncio
import logging

from keystile.store import feed, receipts
from keystile.store.pool import FAILURES, connect

logger = logging.getLogger(__name__)

CHANGES_S = 86_400.0
"""How long a change is kept. A gate that is further behind loads everything again."""
GATES_S = 86_400.0
"""How long a gate is remembered that is gone. Its usage is kept apart from this."""
_INTERVAL_S = 3_600.0


class Housekeeper:
    """Tidies up each hour, over a connection of its own: however long that takes, nothing waits for it."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def run(self) -> None:
        """Until cancelled; what fails is logged and tried again an hour later."""
        while True:
            try:
                await self.tidy()
            except FAILURES as error:
                logger.warning("old changes are kept: %s", str(error) or type(error).__name__)
            await asyncio.sleep(_INTERVAL_S)

    async def tidy(self) -> None:
        """Once."""
        conn = await connect(self._url)
        try:
            await receipts.forget(conn, GATES_S)
            await feed.prune(conn, CHANGES_S)
        finally:
            conn.terminate()
