"""The follower: feed → segment.

Truth is a table read by polling; NOTIFY only makes the next poll come sooner. An answer extends the lease to the time
the poll was sent plus `stale_after`, so whatever goes wrong here, no gate decides later than that on what it does
not know. Any doubt about the feed ends in loading everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TypeAlias

import asyncpg

from keystile._core import Writer, boottime
from keystile.agent.records import key_record, unix_ns
from keystile.errors import GateError, GateFull, StoreError
from keystile.settings import Settings
from keystile.store import feed
from keystile.store.pool import FAILURES, connect
from keystile.store.records import GateKey, Poll, Snapshot

logger = logging.getLogger(__name__)

_KEYS_PER_STEP = 1_000
"""Keys put between two chances for other tasks of this process to run."""

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Follower:
    """Applies the feed to one segment, from any database connection it can get."""

    def __init__(self, settings: Settings, database_url: str, writer: Writer) -> None:
        self._url = database_url
        self._writer = writer
        self._poll_interval_s = settings.poll_interval_ms / 1_000
        self._stale_after_ns = settings.stale_after_ms * 1_000_000
        # A poll that takes longer cannot extend the lease by much: better to try another connection.
        self._deadline_s = max(0.05, settings.stale_after_ms / 4_000)
        self._known: tuple[bytes, int] | None = None
        self._rev = 0
        self._hint = asyncio.Event()
        self.ready = asyncio.Event()
        """Set when everything has been loaded once."""

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
        conn = await connect(self._url, timeout_s=self._deadline_s)
        try:
            async with asyncio.timeout(self._deadline_s):
                await conn.add_listener(feed.CHANNEL, self._on_hint)
            while self._writer.is_current:
                await self._step(conn)
        finally:
            # A connection in doubt is not closed politely: that could wait for a network that no longer answers.
            conn.terminate()

    def _on_hint(self, *_: object) -> None:
        self._hint.set()

    async def _step(self, conn: _Connection) -> None:
        self._hint.clear()
        sent_ns = boottime()
        async with asyncio.timeout(self._deadline_s):
            poll = await feed.poll(conn, self._rev)
        _check_primary(poll)
        self._writer.set_wall_clock(unix_ns(poll.now))
        if self._is_doubtful(poll) or not await self._apply(conn, poll):
            await self._reload(conn)
            return
        if poll.rev < poll.head:
            # A part of a backlog: a revocation may be in the rest, so the lease must not run on.
            self._applied(poll, None)
            return
        self._applied(poll, sent_ns)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hint.wait(), self._poll_interval_s)

    def _is_doubtful(self, answer: Poll) -> bool:
        known = (answer.epoch.bytes, answer.timeline)
        return self._known != known or not answer.complete or answer.oldest_rev > answer.after_rev + 1

    async def _apply(self, conn: _Connection, poll: Poll) -> bool:
        """Apply a poll's changes; False if they do not fit what is known, as when a tier is missing."""
        if poll.catalogue_changed:
            async with asyncio.timeout(self._deadline_s):
                self._writer.set_catalogue(*await feed.catalogue(conn))
        for key in poll.keys:
            if not self._put(key):
                return False
        for key_id in poll.removed:
            self._writer.remove(key_id)
        return True

    def _put(self, key: GateKey) -> bool:
        try:
            self._writer.put(key_record(key))
        except GateFull as error:
            # Everything else goes on. A key that was known before must not pass by what was known then.
            self._writer.remove(key.id)
            logger.error("%s is not known to this machine: %s", key.id, error)  # noqa: TRY400 - no trace is needed
        except (GateError, ValueError, OverflowError) as error:
            # One row that makes no sense must not keep the gate from hearing of all others.
            logger.warning("%s cannot be understood: %s", key.id, error)
            return False
        return True

    async def _reload(self, conn: _Connection) -> None:
        """Make the segment hold exactly what the database holds. Keys that stay are never missing meanwhile."""
        sent_ns = boottime()
        snapshot = await self._snapshot(conn)
        _check_primary(snapshot)
        self._writer.set_catalogue(snapshot.scopes, snapshot.tiers)
        for count, key in enumerate(snapshot.keys, start=1):
            if not self._put(key):
                # Deny when unsure: a key that cannot be understood must not go on by what was known of it before.
                self._writer.remove(key.id)
            if count % _KEYS_PER_STEP == 0:
                await asyncio.sleep(0)
        self._writer.retain([key.id for key in snapshot.keys])
        logger.info("loaded %d keys at revision %d", len(snapshot.keys), snapshot.rev)
        self._applied(snapshot, sent_ns)

    async def _snapshot(self, conn: _Connection) -> Snapshot:
        """Everything at once, however long that takes, as long as it goes on."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._deadline_s) as limit:
            return await feed.snapshot(conn, on_progress=lambda: limit.reschedule(loop.time() + self._deadline_s))

    def _applied(self, answer: Poll | Snapshot, sent_ns: int | None) -> None:
        """Note what is applied; if it is all that there was when the question was sent, extend the lease."""
        self._known = (answer.epoch.bytes, answer.timeline)
        self._rev = answer.rev
        fresh_until_ns = None if sent_ns is None else sent_ns + self._stale_after_ns
        self._writer.refresh(answer.epoch.bytes, answer.rev, fresh_until_ns)
        if sent_ns is not None:
            self.ready.set()


def _check_primary(answer: Poll | Snapshot) -> None:
    if answer.replica:
        raise StoreError("the database is a replica; its answers may be old. Point Keystile at the primary")
