"""Deliveries: the outbox of webhooks. Changes of keys fill it by themselves; couriers empty it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from keystile.store import webhooks
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.rows import part
from keystile.store.sql import sql

CHANNEL: Final = "keystile_webhooks"
"""Where it is notified that there is something new in the outbox."""
KEPT_S: Final = 30 * 86_400.0
"""How long a delivery is kept after its end."""
BATCH: Final = 5_000
"""How many rows one statement removes or gives up, so that it ends in time whatever has piled up."""

GIVEN_UP: Final = "The webhook was disabled."
"""Why what waited for a webhook that was disabled is not delivered."""

_Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook. `id` is what the receiver sees as `webhook-id`, at each attempt."""

    id: str
    webhook_id: str
    key_id: str | None
    """None: about no key."""
    event: str
    status: str
    """`waiting`, `delivered` or `failed`."""
    attempts: int
    next_attempt_at: datetime | None
    """None once it has ended."""
    last_attempt_at: datetime | None
    last_status: int | None
    """The HTTP status of the last answer; None if none came."""
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None


class Claim(Struct, frozen=True, kw_only=True):
    """A delivery that the caller is to attempt now; `attempt` is the number of that attempt."""

    id: str
    webhook_id: str
    tenant: str
    payload: str
    attempt: int
    failures: int
    """Attempts that have failed since the delivery was made, or asked for again."""
    url: str
    secret: bytes
    """Sealed."""
    previous_secret: bytes | None
    """The one before, sealed, while it signs too."""

    def __repr__(self) -> str:
        return f"Claim(id={self.id!r}, attempt={self.attempt})"


async def claim(
    conn: Connection, *, most: int, most_each: int, under_way: Mapping[str, int], seconds: float
) -> tuple[list[Claim], bool]:
    """Take what is due, for `seconds`; and whether anything was touched, so that looking again may find more.

    At most `most`, and `most_each` of one webhook, with those that the caller has `under_way` already, by webhook. Of
    one webhook and key only the first is ever given.
    """
    records = await conn.fetch(
        sql("delivery_claim"), most, most_each, list(under_way), list(under_way.values()), seconds
    )
    return [part(record, Claim) for record in records if record["claimed"]], bool(records)


async def next_due_s(conn: Connection, *, but: Sequence[str]) -> float | None:
    """In how many seconds the next one is due, those of the webhooks in `but` aside; None: none waits."""
    return await conn.fetchval(sql("delivery_next"), list(but))  # type: ignore[no-any-return]


async def done(conn: Connection, delivery_id: str, attempt: int, status: int) -> None:
    """Note that an attempt arrived. Nothing changes if another one was begun since."""
    await conn.execute(sql("delivery_done"), delivery_id, attempt, status)


async def failed(
    conn: Connection, delivery_id: str, attempt: int, *, status: int | None, error: str, again_s: float | None
) -> datetime | None:
    """Note that an attempt failed, to be tried again after `again_s` seconds (None: never).

    Since when the webhook fails; None, and nothing changes, if another attempt was begun since.
    """
    return await conn.fetchval(  # type: ignore[no-any-return]
        sql("delivery_failed"), delivery_id, attempt, status, error, again_s
    )


async def give_up(conn: Connection, webhook_id: str) -> bool:
    """Give up what waits for a webhook that is, or was, disabled; the caller holds it. Whether there may be more."""
    return _is_full(await conn.execute(sql("delivery_give_up"), webhook_id, BATCH, GIVEN_UP))


async def forget(conn: Connection, webhook_id: str) -> bool:
    """Remove the deliveries of a webhook that is gone. Whether there may be more."""
    return _is_full(await conn.execute(sql("delivery_forget"), webhook_id, BATCH))


async def test(conn: Connection, webhook_id: str, tenant: str | None) -> DeliveryRow | None:
    """Put a `webhook.test` into the outbox; None if there is no such webhook in `tenant` (None: in any)."""
    record = await conn.fetchrow(sql("delivery_test"), webhook_id, tenant)
    return None if record is None else DeliveryRow(**record)


async def retry(conn: Connection, webhook_id: str, tenant: str | None, delivery_id: str) -> DeliveryRow | None:
    """Have a delivery tried anew and at once, however it ended; None if there is no such."""
    record = await conn.fetchrow(sql("delivery_retry"), webhook_id, tenant, delivery_id)
    return None if record is None else DeliveryRow(**record)


async def hint(conn: Connection) -> None:
    """Have every courier look as soon as this transaction is committed."""
    await conn.execute(sql("delivery_hint"))


async def page(
    conn: Connection,
    webhook_id: str,
    tenant: str | None,
    *,
    status: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[DeliveryRow], str | None]:
    """Some deliveries of a webhook, newest first, and the cursor for more (None at the end). BadCursor."""
    before = None if cursor is None else decode_cursor(cursor, tuple[_Place])[0]
    records = await conn.fetch(sql("delivery_page"), webhook_id, tenant, before, status, limit + 1)
    rows = [part(record, DeliveryRow) for record in records[:limit]]
    return rows, encode_cursor((records[limit - 1]["seq"],)) if len(records) > limit else None


async def prune(conn: Connection, kept_s: float = KEPT_S) -> None:
    """Forget what ended longer ago, and what is of no webhook any more; give up what is of a disabled one."""
    while _is_full(await conn.execute(sql("delivery_prune"), kept_s, BATCH)):
        pass
    while _is_full(await conn.execute(sql("notice_prune"), 2 * kept_s, BATCH)):
        pass
    for record in await conn.fetch(sql("delivery_left")):
        while await (forget if record["gone"] else _give_up_disabled)(conn, record["id"]):
            pass


async def _give_up_disabled(conn: Connection, webhook_id: str) -> bool:
    async with conn.transaction():
        row = await webhooks.get(conn, webhook_id, None, lock=True)
        return row is not None and row.disabled and await give_up(conn, webhook_id)


def _is_full(tag: str) -> bool:
    """Whether a statement, by its command tag, has done as much as it may."""
    return int(tag.rsplit(" ", 1)[1]) >= BATCH
