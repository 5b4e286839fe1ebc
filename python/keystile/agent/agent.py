"""The agent: the one process of a machine that writes its segment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from keystile._core import Gate, Writer
from keystile.agent.advisor import Advisor
from keystile.agent.flusher import Flusher
from keystile.agent.follower import Follower
from keystile.agent.herald import Herald
from keystile.agent.holder import Holder, end, sign
from keystile.agent.housekeeper import Housekeeper
from keystile.agent.lasting import lasting
from keystile.agent.outcomes.receiver import receive
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.agent.vigil import Vigil, patience_s
from keystile.errors import GateBusy, GateError
from keystile.pepper import pepper_bytes
from keystile.settings import Settings, segment_path

logger = logging.getLogger(__name__)

_TAKEOVER_PAUSE_S = 0.1
"""How often a waiting agent looks whether the one before it is gone."""
_BEATS = 8
"""Heartbeats in the time after which one that is missing counts."""
_TALLY_S = 10.0
"""How old the sums of all keys' counters may be at most, however seldom usage is written."""


class Agent:
    """Takes the right to write the machine's segment, or waits for it; then follows the feed and flushes usage."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._settings = settings
        self._url = database_url
        self._path = segment_path(settings)
        self._spared: Holder | None = None
        self.ready = asyncio.Event()
        """Set when this machine's gate can decide, whoever keeps it fresh."""

    async def run(self) -> None:
        """Run until cancelled; then flush once more and give the right back. GateError if there can be no segment."""
        while True:
            writer = await self._take_over()
            try:
                await self._keep(writer)
            finally:
                writer.close()
            logger.warning("the files of the gate at %s were removed or replaced; making it anew", self._path)

    async def _take_over(self) -> Writer:
        """The right to write, as soon as no living agent holds it."""
        vigil = Vigil(self._path, patience_s(self._settings))
        waiting = False
        while True:
            try:
                writer = self._open()
            except GateBusy as error:
                if not waiting:
                    logger.info("%s; waiting to take over", error)
                waiting = True
            else:
                # Signed only with a heartbeat of one's own: who waits must not judge by that of the agent before.
                writer.beat()
                sign(self._path)
                return writer
            self._look()
            self._judge(vigil.look())
            await asyncio.sleep(_TAKEOVER_PAUSE_S)

    def _judge(self, hung: Holder | None) -> None:
        """End an agent that hangs. The segment goes on: no count is lost, and attached applications notice nothing."""
        if hung is None or hung == self._spared:
            return
        try:
            if end(hung, self._path):
                logger.error("the agent with pid %d hangs and was ended; taking over", hung.pid)
        except PermissionError:
            self._spared = hung
            logger.error(  # noqa: TRY400 - no trace is needed
                "the agent with pid %d hangs and is not ours to end; the gate refuses until it is gone", hung.pid
            )

    def _open(self) -> Writer:
        settings = self._settings
        return Writer.open(
            self._path,
            capacity=settings.capacity,
            prefix=settings.prefix,
            peppers=pepper_bytes(settings),
            failure_rate=settings.failure_rate,
            failure_burst=settings.failure_burst,
            allow_stale=settings.stale_policy == "allow",
        )

    async def _beat(self, writer: Writer) -> None:
        """Show that this process still does something; whoever waits watches it."""
        while True:
            writer.beat()
            await asyncio.sleep(patience_s(self._settings) / _BEATS)

    async def _tally(self, writer: Writer) -> None:
        """Sum what checks have counted, database or not, for whoever asks after the whole machine."""
        while True:
            writer.tally()
            await asyncio.sleep(min(self._settings.flush_interval_ms / 1_000, _TALLY_S))

    async def _announce(self, follower: Follower) -> None:
        await follower.ready.wait()
        self.ready.set()

    def _look(self) -> None:
        """While another agent writes: the gate is ready as soon as that one has made it fresh."""
        try:
            if Gate.attach(self._path).fresh:
                self.ready.set()
        except GateError:
            logger.debug("no gate yet")

    async def _keep(self, writer: Writer) -> None:
        """Until the segment's files are gone."""
        flusher = Flusher(self._settings, self._url, writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(self._beat(writer), name="heartbeat"),
                    tasks.create_task(self._tally(writer), name="tally"),
                ]
                # A long list takes a while to read, in which this agent must not look as if it hung.
                tombstones = await asyncio.to_thread(Tombstones, tombstones_path(self._settings))
                try:
                    await self._follow(Follower(self._settings, self._url, writer, tombstones), flusher, writer)
                finally:
                    tombstones.close()
                for task in beside:
                    task.cancel()
        finally:
            writer.tally()
            # Also when cancelled: what was counted until now is worth one more try.
            await asyncio.shield(flusher.try_flush())
            flusher.close()

    def _optional(self, writer: Writer) -> dict[str, Callable[[], Awaitable[None]]]:
        """What no gate needs in order to decide."""
        return {
            "housekeeper": Housekeeper(self._settings, self._url).run,
            "advisor": Advisor(self._url).run,
            "herald": Herald(self._url).run,
            "receiver of outcomes": lambda: receive(self._settings, writer),
        }

    async def _follow(self, follower: Follower, flusher: Flusher, writer: Writer) -> None:
        """Follow until the segment's files are gone, and do the rest beside."""
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(flusher.run(), name="flusher"),
                tasks.create_task(self._announce(follower), name="announcer"),
                *(tasks.create_task(lasting(name, work), name=name) for name, work in self._optional(writer).items()),
            ]
            await follower.run()
            for task in beside:
                task.cancel()
