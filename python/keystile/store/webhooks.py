"""Webhooks: where tenants are told of what becomes of their keys. By-id calls take the tenant they may reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from keystile.errors import BadCursor
from keystile.store.cursors import decode_cursor, encode_cursor
from keystile.store.pool import Connection
from keystile.store.sql import sql

EVENTS: Final = (
    "key.created",
    "key.rotated",
    "key.revoked",
    "key.expiring",
    "key.limit_reached",
    "key.unusual",
)
"""What can be told of a key."""
MOST: Final = 20
"""How many webhooks a tenant may have: each is written to in every change of its keys."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class WebhookRow(Struct, frozen=True, kw_only=True):
    """A webhook, without its secrets. `previous_secret_expires_at` is null unless two secrets sign."""

    id: str
    tenant: str
    url: str
    events: list[str]
    note: str | None
    disabled: bool
    disabled_reason: str | None
    """Why, where nobody disabled it."""
    failing_since: datetime | None
    """Since when no attempt has succeeded; None: the last one did."""
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    previous_secret_expires_at: datetime | None


async def insert(
    conn: Connection,
    webhook_id: str,
    *,
    tenant: str,
    url: str,
    events: Sequence[str],
    note: str | None,
    secret: bytes,
    created_by: str,
) -> WebhookRow | None:
    """Add a webhook, in a transaction; `secret` is sealed. None if the tenant has MOST already."""
    await conn.execute(sql("tenant_hold"), tenant)
    record = await conn.fetchrow(
        sql("webhook_insert"), webhook_id, tenant, url, list(events), note, secret, created_by, MOST
    )
    return None if record is None else WebhookRow(**record)


async def get(conn: Connection, webhook_id: str, tenant: str | None, *, lock: bool = False) -> WebhookRow | None:
    """One webhook of `tenant` (None: of any), or None. With `lock` it stays so until the transaction ends."""
    query = sql("webhook_get_locked") if lock else sql("webhook_get")
    record = await conn.fetchrow(query, webhook_id, tenant)
    return None if record is None else WebhookRow(**record)


async def page(
    conn: Connection, tenant: str, *, limit: int = 50, cursor: str | None = None
) -> tuple[list[WebhookRow], str | None]:
    """Some webhooks of a tenant, oldest first, and the cursor for more (None at the end). BadCursor."""
    after = (None, None) if cursor is None else _place(cursor)
    records = await conn.fetch(sql("webhook_page"), tenant, *after, limit + 1)
    rows = [WebhookRow(**record) for record in records[:limit]]
    more = len(records) > limit
    return rows, encode_cursor((rows[-1].created_at.isoformat(), rows[-1].id)) if more else None


async def update(
    conn: Connection,
    webhook_id: str,
    tenant: str | None,
    *,
    url: str,
    events: Sequence[str],
    note: str | None,
    disabled: bool,
    disabled_reason: str | None = None,
) -> WebhookRow | None:
    """Set what can be changed; None if there is no such webhook. One that is enabled begins as if it never failed."""
    record = await conn.fetchrow(
        sql("webhook_update"), webhook_id, tenant, url, list(events), note, disabled, disabled_reason
    )
    return None if record is None else WebhookRow(**record)


async def rotate(
    conn: Connection, webhook_id: str, tenant: str | None, *, secret: bytes, overlap_seconds: int
) -> WebhookRow | None:
    """Give a webhook a new sealed secret; the one before signs too for `overlap_seconds`. None if there is no such."""
    record = await conn.fetchrow(sql("webhook_rotate"), webhook_id, tenant, secret, float(overlap_seconds))
    return None if record is None else WebhookRow(**record)


async def delete(conn: Connection, webhook_id: str, tenant: str | None) -> None:
    """Remove a webhook. Its deliveries are of nobody then, and never given to anybody."""
    await conn.execute(sql("webhook_delete"), webhook_id, tenant)


def _place(cursor: str) -> tuple[datetime, str]:
    at, webhook_id = decode_cursor(cursor, tuple[_Time, str])
    try:
        return at.astimezone(UTC), webhook_id
    except OverflowError:
        raise BadCursor("the cursor was not made by this list") from None
