"""What becomes of a delivery after an attempt: it has arrived, is tried again, or is given up."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from keystile.store import audit, deliveries, webhooks
from keystile.store.deliveries import Claim
from keystile.store.pool import Connection

ACTOR: Final = "webhooks"
PAUSES_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after each failure it is tried again: ten attempts over a little more than three days."""
JITTER: Final = 0.1
DISABLED_AFTER: Final = timedelta(days=3)
"""A webhook that gave a delivery up, and at which nothing arrived for so long, is disabled."""
_GONE = 410


class Result(NamedTuple):
    """How an attempt ended: the status of the answer, if one came, and what was wrong, if anything."""

    status: int | None
    error: str | None


async def note(connection: Connection, claim: Claim, result: Result) -> None:
    """Write it down, in a transaction. A webhook at which nothing arrives any more is disabled; the trail says so."""
    if result.error is None:
        await deliveries.done(connection, claim.id, claim.attempt, result.status or 0)
        return
    gone = result.status == _GONE
    again_s = None if gone else pause_s(claim.failures)
    failing_since = await deliveries.failed(
        connection, claim.id, claim.attempt, status=result.status, error=result.error, again_s=again_s
    )
    if failing_since is None or again_s is not None:
        return
    if gone:
        await _disable(connection, claim, "The receiver said that it is gone (410).")
    elif datetime.now(UTC) - failing_since >= DISABLED_AFTER:
        await _disable(connection, claim, "Nothing has arrived for three days.")


def pause_s(failures: int) -> float | None:
    """How long to wait after a failure that `failures` others came before; None: give up."""
    if failures >= len(PAUSES_S):
        return None
    return PAUSES_S[failures] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads attempts, nothing more


async def _disable(connection: Connection, claim: Claim, reason: str) -> None:
    row = await webhooks.get(connection, claim.webhook_id, claim.tenant, lock=True)
    if row is None or row.disabled:
        return
    await webhooks.update(
        connection,
        row.id,
        row.tenant,
        url=row.url,
        events=row.events,
        note=row.note,
        disabled=True,
        disabled_reason=reason,
    )
    await deliveries.give_up(connection, row.id)
    await audit.write(
        connection,
        actor=ACTOR,
        tenant=row.tenant,
        action="webhook.update",
        target=row.id,
        detail={"disabled": {"from": False, "to": True}, "reason": reason},
        request_id=None,
    )
