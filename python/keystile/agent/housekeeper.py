"""What piles up in the database with time, and nobody needs: old changes, usage and deliveries, gates long gone."""

from __future__ import annotations

import asyncio
import logging

from keystile.settings import Settings
from keystile.store import deliveries, feed, partitions, receipts
from keystile.store.partitions import retention_of
from keystile.store.pool import FAILURES, Connection, connect

logger = logging.getLogger(__name__)

CHANGES_S = 86_400.0
"""How long a change is kept. A gate that is further behind loads everything again."""
GATES_S = 86_400.0
"""How long a gate is remembered that is gone. Its usage is kept apart from this."""
_INTERVAL_S = 3_600.0


class Housekeeper:
    """Tidies up each hour, over connections of its own: however long that takes, nothing waits for it."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._url = database_url
        self._retention = retention_of(settings)

    async def run(self) -> None:
        """Until cancelled; what fails is tried again an hour later."""
        while True:
            await self.tidy()
            await asyncio.sleep(_INTERVAL_S)

    async def tidy(self) -> None:
        """Once. What fails is logged, and keeps nothing else from being done."""
        for work, complaint in (
            (self._usage, "old usage is kept: %s"),
            (self._gates, "gates that are gone are kept: %s"),
            (self._changes, "old changes are kept: %s"),
            (self._deliveries, "old deliveries are kept: %s"),
        ):
            try:
                conn = await connect(self._url)
                try:
                    await work(conn)
                finally:
                    conn.terminate()
            except FAILURES as error:
                logger.warning(complaint, str(error) or type(error).__name__)

    async def _usage(self, conn: Connection) -> None:
        """Room for tomorrow is made even where nothing is used; what is too old goes."""
        await partitions.make_room(conn, (), self._retention)
        for name in await partitions.drop_old(conn, self._retention):
            logger.info("dropped %s, which is older than usage is kept", name)

    async def _gates(self, conn: Connection) -> None:
        await receipts.forget(conn, GATES_S)

    async def _changes(self, conn: Connection) -> None:
        await feed.prune(conn, CHANGES_S)

    async def _deliveries(self, conn: Connection) -> None:
        await deliveries.prune(conn)
