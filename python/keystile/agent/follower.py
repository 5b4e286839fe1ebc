"""The follower: feed → segment.

Truth is a table read by polling; NOTIFY only makes the next poll come sooner. Each poll reports what is applied here,
and its answer extends the lease to the time it was sent plus `stale_after`: whatever goes wrong, no gate decides
later than that on what it does not know. Any doubt about the feed ends in loading everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from datetime import datetime
from importlib.metadata import version
from itertools import islice
from typing import TypeAlias

import asyncpg

from keystile._core import Writer, boottime
from keystile.agent.loader import Loader
from keystile.agent.muster import Muster
from keystile.agent.progress import Progress
from keystile.agent.records import unix_ns
from keystile.agent.roster import Roster
from keystile.agent.tombstones import Tombstones
from keystile.errors import StoreError
from keystile.figures import FED_NS
from keystile.settings import Settings
from keystile.store import feed, keys, quarantine, receipts
from keystile.store.pool import FAILURES, connect
from keystile.store.receipts import Position, Registration, Report
from keystile.store.records import Poll, Revocation, Snapshot

logger = logging.getLogger(__name__)

_KEYS_AT_ONCE = 200
_ACTOR = "agent"
_REASON = "Revoked before; the database had lost it."

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Follower:
    """Applies the feed to one segment, from any database connection it can get."""

    def __init__(self, settings: Settings, database_url: str, writer: Writer, tombstones: Tombstones) -> None:
        self._url = database_url
        self._writer = writer
        self._loader = Loader(writer, tombstones)
        self._tombstones = tombstones
        self._muster = Muster(settings.stale_after_ms)
        self._gate = Registration(
            id=writer.gate_id,
            machine=socket.gethostname(),
            version=version("keystile"),
            stale_after_ms=settings.stale_after_ms,
            stale_policy=settings.stale_policy,
        )
        self._poll_interval_s = settings.poll_interval_ms / 1_000
        self._stale_after_ns = settings.stale_after_ms * 1_000_000
        # A poll that takes longer cannot extend the lease by much: better to try another connection.
        self._deadline_s = max(0.05, settings.stale_after_ms / 4_000)
        # What is remembered here was applied once; a database that knows less was set back.
        self._position = tombstones.mark
        self._loaded = False
        self._leased = False
        self._durable = True
        self._told: datetime | None = None
        self._hint = asyncio.Event()
        self.ready = asyncio.Event()
        """Set when everything has been loaded once, and the gate may decide or is told not to."""

    async def run(self) -> None:
        """Follow until cancelled, or until the segment's files are gone; what fails is logged and tried again."""
        while self._writer.is_current:
            try:
                await self._follow()
            except FAILURES as error:
                logger.warning("the feed cannot be read: %s; trying again", error or type(error).__name__)
            await asyncio.sleep(self._poll_interval_s)
        # Whoever is still attached to the lost segment must look for the new one, whatever the stale policy.
        self._writer.refresh(bytes(16), 0, 0)

    async def _follow(self) -> None:
        # A report need not reach the disk: one that a crash takes back is only missed, and makes others wait longer.
        conn = await connect(self._url, timeout_s=self._deadline_s, durable=False)
        try:
            async with asyncio.timeout(self._deadline_s):
                await conn.add_listener(feed.CHANNEL, self._on_hint)
            roster = Roster()
            while self._writer.is_current:
                if await self._step(conn, roster):
                    # Not `wait_for`: in Python 3.11 a hint that comes with a cancellation would make that be lost.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._poll_interval_s):
                            await self._hint.wait()
        finally:
            # A connection in doubt is not closed politely: that could wait for a network that no longer answers.
            conn.terminate()

    def _on_hint(self, *_: object) -> None:
        self._hint.set()

    async def _step(self, conn: _Connection, roster: Roster) -> bool:
        """Report once and do what the answer asks for; whether there was nothing to do.

        If there was, the next step comes at once: it is the receipt for what this one applied.
        """
        self._hint.clear()
        sent_ns = boottime()
        report = await self._report(conn)
        if not report.registered:
            await self._register(conn)
            return False
        if report.was_set_back(self._position):
            await self._begin_anew(conn, report)
            return False
        self._writer.set_wall_clock(unix_ns(report.now))
        goes_on = self._loaded and report.goes_on_from(self._position)
        quiet = goes_on and report.head == self._position.rev
        if not quiet:
            caught_up = goes_on and await self._catch_up(conn)
            if not caught_up:
                await self._reload(conn)
        if not quiet or not self._durable:
            await self._remember(report)
        if not quiet and not caught_up:
            return False
        # After only a part of a backlog a revocation may be in the rest, so the lease must not run on.
        if self._position.rev >= report.head and self._may_decide(report):
            self._lease(sent_ns)
        if quiet:
            await self._rest(conn, roster, report)
        return quiet

    async def _report(self, conn: _Connection) -> Report:
        lease_ms = self._gate.stale_after_ms if self._leased else None
        # What an agent before this one had applied is no receipt of this one's.
        durable = self._durable and self._loaded
        async with asyncio.timeout(self._deadline_s):
            return await receipts.report(conn, self._gate.id, self._position, lease_ms, durable=durable)

    def _may_decide(self, report: Report) -> bool:
        if report.quarantined_since is not None:
            # At once, and whatever the stale policy.
            self._writer.refresh(report.epoch.bytes, self._position.rev, 0)
            return False
        return self._muster.complete(report)

    async def _rest(self, conn: _Connection, roster: Roster, report: Report) -> None:
        """What there is to do while nothing happens."""
        async with asyncio.timeout(self._deadline_s):
            await roster.look(conn, report.epoch, report.timeline)
            if report.quarantined_since is not None:
                await self._end_quarantine(conn, report)
                self.ready.set()

    async def _end_quarantine(self, conn: _Connection, report: Report) -> None:
        """All that is remembered here is in the database again. If that is all there ever was, gates may decide."""
        mark = self._tombstones.mark
        if report.needed_rev is not None and mark.epoch == report.needed_epoch and mark.rev >= report.needed_rev:
            await quarantine.lift(conn)
            logger.warning("the restored database has every revocation again, so its quarantine is over")
        elif self._told != report.quarantined_since:
            self._told = report.quarantined_since
            logger.error(
                "the database was restored from a backup and may lack revocations, so this gate refuses;"
                " `keystile db restore --confirm-loss` accepts that"
            )

    async def _begin_anew(self, conn: _Connection, report: Report) -> None:
        """The database has lost what it once told: every gate must load it anew, and tell what it remembers."""
        logger.error("the database was set back to before revision %d; loading everything again", self._position.rev)
        async with asyncio.timeout(self._deadline_s):
            await feed.break_epoch(conn, report.epoch)
        self._position = Position()

    async def _remember(self, report: Report) -> None:
        """Bring the revocations that were applied to the disk; only then they are a receipt."""
        # In quarantine the mark stays at what the database before had told.
        mark = None if report.quarantined_since is not None else self._position
        try:
            await asyncio.to_thread(self._tombstones.sync, mark)
        except OSError as error:
            if self._durable:
                logger.error("revocations cannot be remembered on this machine: %s", error)  # noqa: TRY400
            self._durable = False
        else:
            self._durable = True

    async def _register(self, conn: _Connection) -> None:
        async with asyncio.timeout(self._deadline_s):
            await receipts.register(conn, self._gate)
        if self._gate.stale_policy == "allow":
            self._writer.allow_stale()

    async def _catch_up(self, conn: _Connection) -> bool:
        """Apply what is new; False if that leaves a doubt."""
        position = self._position
        async with asyncio.timeout(self._deadline_s):
            poll = await feed.poll(conn, position.rev)
        known = (poll.epoch, poll.timeline) == (position.epoch, position.timeline)
        if not known or not poll.complete or poll.oldest_rev > poll.after_rev + 1:
            return False
        if poll.catalogue_changed:
            async with asyncio.timeout(self._deadline_s):
                self._writer.set_catalogue(*await feed.catalogue(conn))
        if not self._loader.apply(poll):
            return False
        await self._reassert(conn)
        self._applied(poll)
        return True

    async def _reload(self, conn: _Connection) -> None:
        snapshot = await self._snapshot(conn)
        if snapshot.replica:
            raise StoreError("the database is a replica; its answers may be old. Point Keystile at the primary")
        await self._loader.load(snapshot)
        await self._reassert(conn)
        self._applied(snapshot)
        self._loaded = True

    async def _reassert(self, conn: _Connection) -> None:
        """Keys that the database has forgotten to be revoked are refused here already; now everywhere."""
        forgotten = self._loader.forgotten
        while forgotten:
            some = [Revocation(*known, _REASON) for known in islice(forgotten.items(), _KEYS_AT_ONCE)]
            async with asyncio.timeout(self._deadline_s):
                revoked = await keys.reassert(conn, _ACTOR, some)
            for known in some:
                del forgotten[known.id]
            logger.error("the database had forgotten %d revocations; they are made again", len(revoked))

    async def _snapshot(self, conn: _Connection) -> Snapshot:
        """Everything at once, however long that takes, as long as it goes on."""
        loop = asyncio.get_running_loop()
        progress = Progress("reading keys")
        async with asyncio.timeout(self._deadline_s) as limit:

            def goes_on(keys_read: int) -> None:
                limit.reschedule(loop.time() + self._deadline_s)
                progress.tell(keys_read)

            return await feed.snapshot(conn, on_progress=goes_on)

    def _applied(self, answer: Poll | Snapshot) -> None:
        self._position = Position(answer.epoch, answer.timeline, answer.rev, answer.stamp)
        self._writer.refresh(answer.epoch.bytes, answer.rev, None)

    def _lease(self, sent_ns: int) -> None:
        """Everything is applied that there was at `sent_ns`."""
        epoch = self._position.epoch
        if epoch is not None:
            self._leased = True
            self._writer.refresh(epoch.bytes, self._position.rev, sent_ns + self._stale_after_ns)
            self._writer.set_figure(FED_NS, sent_ns)
            self.ready.set()
