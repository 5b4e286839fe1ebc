"""The courier: outbox → receivers. Each worker has one; a delivery is one courier's at a time.

What it takes is its own for a while only, and counts as delivered when the database says so: a courier may die
anywhere, and what it had taken is taken again. Receivers know it by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter

from keystile._core import boottime
from keystile.hub.database import Database
from keystile.hub.errors import DatabaseUnavailable
from keystile.hub.webhooks import outcome, signing
from keystile.hub.webhooks.sender import TIMEOUT_S, Crowded, Sender, Unsent
from keystile.hub.webhooks.vault import Unreadable, Vault
from keystile.store import deliveries
from keystile.store.deliveries import CHANNEL, Claim
from keystile.store.pool import FAILURES, Connection, connect

logger = logging.getLogger(__name__)

CLAIM_S = TIMEOUT_S + 35.0
"""How long a taken delivery is this courier's: an attempt, and the time to note what came of it."""
MOST = 16
"""Attempts at once."""
MOST_EACH = 4
"""Of them to one webhook: a receiver that answers slowly must not hold up the others."""
_IDLE_S = 30.0
_LEAST_PAUSE_S = 0.02
_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0
_GRACE_S = 2.0


class Courier:
    """Delivers what is due, until it is cancelled."""

    def __init__(self, database_url: str, database: Database, vault: Vault, sender: Sender) -> None:
        self._url = database_url
        self._database = database
        self._vault = vault
        self._sender = sender
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._hint = asyncio.Event()

    async def run(self) -> None:
        """Whatever fails is logged and tried again; attempts under way get a moment to end when it is cancelled."""
        pause_s = _RETRY_S
        try:
            while True:
                started_s = time.monotonic()
                try:
                    await self._serve()
                except FAILURES as error:
                    logger.warning("webhooks wait: %s", str(error) or type(error).__name__)
                except Exception:
                    logger.exception("webhooks wait")
                if time.monotonic() - started_s > _LONGEST_RETRY_S:
                    pause_s = _RETRY_S
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads couriers, nothing more
                pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=_GRACE_S)
            for task in self._under_way:
                task.cancel()
            self._sender.close()

    async def _serve(self) -> None:
        conn = await connect(self._url)
        try:
            await conn.add_listener(CHANNEL, self._on_hint)
            conn.add_termination_listener(self._on_hint)
            while True:
                self._hint.clear()
                wait_s = await self._look(conn)
                if wait_s > 0:
                    # Not `wait_for`: in Python 3.11 a hint that comes with a cancellation would make that be lost.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._hint.wait()
        finally:
            conn.terminate()

    def _on_hint(self, *_: object) -> None:
        self._hint.set()

    async def _look(self, conn: Connection) -> float:
        """Begin what is due and there is room for; for how many seconds there is nothing more to do."""
        room = MOST - len(self._under_way)
        if room == 0:
            return _IDLE_S  # whoever ends gives a hint
        each = Counter(self._under_way.values())
        taken_ns = boottime()
        claims, touched = await deliveries.claim(conn, most=room, most_each=MOST_EACH, under_way=each, seconds=CLAIM_S)
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim, taken_ns))
            self._under_way[task] = claim.webhook_id
            task.add_done_callback(self._ended)
        if touched:
            return 0
        busy = [webhook_id for webhook_id, number in each.items() if number >= MOST_EACH]
        due_s = await deliveries.next_due_s(conn, but=busy)
        return _IDLE_S if due_s is None else min(max(due_s, _LEAST_PAUSE_S), _IDLE_S)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._hint.set()

    async def _deliver(self, claim: Claim, taken_ns: int) -> None:
        try:
            result = await self._attempt(claim, taken_ns)
            if result is None:
                return
            async with self._database.connection() as connection, connection.transaction():
                await outcome.note(connection, claim, result)
        except DatabaseUnavailable:
            logger.warning("delivery %s: its end could not be noted; it is made again", claim.id)
        except Exception:
            logger.exception("delivery %s failed", claim.id)

    async def _attempt(self, claim: Claim, taken_ns: int) -> outcome.Result | None:
        """What came of it; None if nothing was attempted: then it is due again when the claim is over."""
        body = claim.payload.encode()
        try:
            sealed = (claim.secret, claim.previous_secret)
            secrets = [self._vault.open(claim.webhook_id, one) for one in sealed if one is not None]
        except Unreadable:
            return outcome.Result(None, "The signing secret cannot be read: its pepper is gone. Rotate it.")
        if boottime() - taken_ns > (CLAIM_S - TIMEOUT_S) * 1e9:
            return None  # this process stood still, and it may be somebody else's by now
        headers = signing.headers(claim.id, int(time.time()), body, secrets)
        try:
            status = await self._sender.post(claim.url, headers, body)
        except Unsent as error:
            return outcome.Result(None, str(error))
        except Crowded:
            return None
        except Exception:
            # Counted as any failure, or it would be tried without end.
            logger.exception("delivery %s could not be attempted", claim.id)
            return outcome.Result(None, "It could not be sent.")
        return outcome.Result(status, None if 200 <= status < 300 else f"The answer was {status}.")
