"""From the feed's rows into the segment."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

import msgspec

from keystile._core import Writer
from keystile.agent.progress import Progress
from keystile.agent.records import key_record
from keystile.agent.tombstones import Tombstones
from keystile.errors import GateError, GateFull
from keystile.store.records import GateKey, Poll, Snapshot

logger = logging.getLogger(__name__)

_KEYS_PER_STEP = 1_000
"""Keys put between two chances for other tasks of this process to run."""


class Loader:
    """Puts what the feed tells into one segment."""

    def __init__(self, writer: Writer, tombstones: Tombstones) -> None:
        self._writer = writer
        self._tombstones = tombstones
        self._expects_imported = False
        self.forgotten: dict[str, datetime] = {}
        """Keys that the database takes for good, and this machine remembers to be revoked."""

    def apply(self, poll: Poll) -> bool:
        """Apply a poll's keys; False if they do not fit what is known, as when a tier is missing."""
        for key in poll.keys:
            if not self._put(key):
                return False
        for key_id in poll.removed:
            self._writer.remove(key_id)
        return True

    async def load(self, snapshot: Snapshot) -> None:
        """Make the segment hold exactly what the database holds. Keys that stay are never missing meanwhile."""
        self._writer.set_catalogue(snapshot.scopes, snapshot.tiers)
        # In a thread: where many keys are known already it takes a while, and heartbeats and leases must go on.
        await asyncio.to_thread(self._writer.reserve, len(snapshot.keys))
        progress = Progress("loading keys")
        for count, key in enumerate(snapshot.keys, start=1):
            if not self._put(key):
                # Deny when unsure: a key that cannot be understood must not go on by what was known of it before.
                self._writer.remove(key.id)
            if count % _KEYS_PER_STEP == 0:
                progress.tell(count, len(snapshot.keys))
                await asyncio.sleep(0)
        self._writer.retain([key.id for key in snapshot.keys])
        logger.info("loaded %d keys at revision %d", len(snapshot.keys), snapshot.rev)

    def _put(self, key: GateKey) -> bool:
        key = self._remembered(key)
        if key.imported and not self._expects_imported:
            self._writer.expect_imported()
            self._expects_imported = True
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

    def _remembered(self, key: GateKey) -> GateKey:
        """The key as it is with what this machine remembers: once revoked, always revoked."""
        if key.revoked_at is not None:
            self._tombstones.add(key.id, key.revoked_at)
            return key
        revoked_at = self._tombstones.get(key.id)
        if revoked_at is None:
            return key
        self.forgotten[key.id] = revoked_at
        return msgspec.structs.replace(key, revoked_at=revoked_at)
