"""What each worker tells its machine, so that the figures do not depend on which of them Prometheus happens to ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keystile.attachment import Attachment
from keystile.hub.database import Database

_INTERVAL_S = 1.0
GONE_NS = 5_000_000_000
"""A worker that told nothing for this long is gone."""
_CLASSES = 4


class Reporter:
    """Tells each second, and whenever somebody asks, what one worker does."""

    def __init__(self, attachment: Attachment, database: Database, place: int) -> None:
        self._attachment = attachment
        self._database = database
        self._place = place
        self._answered = [0] * _CLASSES

    def answered(self, status: int) -> None:
        """Count an answer. A worker that is killed takes those of its last second with it."""
        self._answered[min(max(status // 100, 2), 5) - 2] += 1

    def tell(self) -> None:
        """Tell now. While there is no gate to tell, answers are kept."""
        gate = self._attachment.ensure()
        if gate is not None:
            ok, moved, refused, failed = self._answered
            gate.counters.report(self._place, pool=self._database.pool(), answered=(ok, moved, refused, failed))
            self._answered = [0] * _CLASSES

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell as long as the context lasts, and once more at its end."""
        task = asyncio.create_task(self._run(), name="reporter")
        try:
            yield
        finally:
            task.cancel()
            self.tell()

    async def _run(self) -> None:
        while True:
            self.tell()
            await asyncio.sleep(_INTERVAL_S)
