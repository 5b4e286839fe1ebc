"""What the Hub does with webhooks. Each call takes a connection and the caller; changes leave an audit row."""

from __future__ import annotations

from msgspec import UNSET

from keystile import new_key_id
from keystile.hub import text
from keystile.hub.auth import Caller
from keystile.hub.errors import Conflict, Faults, NotFound
from keystile.hub.tenants.service import require_tenant
from keystile.hub.trail import record
from keystile.hub.webhooks import checks, signing
from keystile.hub.webhooks.addresses import Reach
from keystile.hub.webhooks.schemas import CreateWebhook, DeliveryPage, IssuedWebhook, UpdateWebhook, WebhookPage
from keystile.hub.webhooks.vault import Vault
from keystile.store import deliveries, webhooks
from keystile.store.deliveries import DeliveryRow
from keystile.store.pool import Connection
from keystile.store.webhooks import WebhookRow


async def create(
    connection: Connection, caller: Caller, asked: CreateWebhook, vault: Vault, reach: Reach
) -> IssuedWebhook:
    """Set up a webhook. Invalid, NotFound (tenant), or Conflict if the tenant has as many as it may."""
    tenant = await require_tenant(connection, caller.acting_for(asked.tenant))
    faults = Faults()
    url = checks.check_url(faults, asked.url, reach)
    events = checks.check_events(faults, asked.events)
    note = asked.note and text.paragraph(faults, "note", asked.note, longest=text.NOTE_CHARS)
    faults.check()
    webhook_id = new_webhook_id()
    secret = signing.new_secret()
    row = await webhooks.insert(
        connection,
        webhook_id,
        tenant=tenant,
        url=url,
        events=events,
        note=note or None,
        secret=vault.seal(webhook_id, secret),
        created_by=caller.actor,
    )
    if row is None:
        raise Conflict("too_many_webhooks")
    await _tell(connection, caller, "webhook.create", row, url=row.url, events=row.events)
    return IssuedWebhook(row, signing.shown(secret))


async def page(
    connection: Connection, caller: Caller, *, tenant: str | None, limit: int, cursor: str | None
) -> WebhookPage:
    """Webhooks of one tenant."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    rows, following = await webhooks.page(connection, acting, limit=limit, cursor=cursor)
    return WebhookPage(items=rows, next_cursor=following)


async def show(connection: Connection, caller: Caller, webhook_id: str, *, hold: bool = False) -> WebhookRow:
    """One webhook; with `hold` it stays so until the transaction ends. NotFound for an absent or foreign one."""
    row = await webhooks.get(connection, text.webhook_id(webhook_id), caller.reach, lock=hold)
    if row is None:
        raise NotFound
    return row


async def update(
    connection: Connection, caller: Caller, webhook_id: str, asked: UpdateWebhook, reach: Reach
) -> WebhookRow:
    """Change a webhook; what waits for one that is disabled is given up, if it is much: later. NotFound or Invalid."""
    row = await show(connection, caller, webhook_id, hold=True)
    faults = Faults()
    url = row.url if asked.url is UNSET else checks.check_url(faults, asked.url, reach)
    events = row.events if asked.events is UNSET else checks.check_events(faults, asked.events)
    note = row.note
    if asked.note is not UNSET:
        note = (asked.note and text.paragraph(faults, "note", asked.note, longest=text.NOTE_CHARS)) or None
    disabled = row.disabled if asked.disabled is UNSET else asked.disabled
    faults.check()
    after = {"url": url, "events": events, "note": note, "disabled": disabled}
    detail = {
        name: {"from": getattr(row, name), "to": value} for name, value in after.items() if getattr(row, name) != value
    }
    if not detail:
        return row
    changed = await webhooks.update(
        connection, row.id, row.tenant, url=url, events=events, note=note, disabled=disabled
    )
    if changed is None:
        raise NotFound
    if disabled != row.disabled:
        # Enabling too: what was written while it was just being disabled is old by now.
        await deliveries.give_up(connection, row.id)
    await _tell(connection, caller, "webhook.update", row, **detail)
    return changed


async def rotate(
    connection: Connection, caller: Caller, webhook_id: str, overlap_seconds: int, vault: Vault
) -> IssuedWebhook:
    """Give a webhook a new signing secret. NotFound."""
    row = await show(connection, caller, webhook_id, hold=True)
    secret = signing.new_secret()
    rotated = await webhooks.rotate(
        connection, row.id, row.tenant, secret=vault.seal(row.id, secret), overlap_seconds=overlap_seconds
    )
    if rotated is None:
        raise NotFound
    await _tell(connection, caller, "webhook.rotate", row, overlap_seconds=overlap_seconds)
    return IssuedWebhook(rotated, signing.shown(secret))


async def delete(connection: Connection, caller: Caller, webhook_id: str) -> None:
    """Remove a webhook, with its deliveries. NotFound."""
    row = await show(connection, caller, webhook_id, hold=True)
    await webhooks.delete(connection, row.id, row.tenant)
    await deliveries.forget(connection, row.id)
    await _tell(connection, caller, "webhook.delete", row, url=row.url, events=row.events)


async def test(connection: Connection, caller: Caller, webhook_id: str) -> DeliveryRow:
    """Send a `webhook.test`. NotFound, or Conflict for one that is disabled."""
    row = await _enabled(connection, caller, webhook_id)
    delivery = await deliveries.test(connection, row.id, row.tenant)
    if delivery is None:
        raise NotFound
    await deliveries.hint(connection)
    await _tell(connection, caller, "webhook.test", row, delivery=delivery.id)
    return delivery


async def page_deliveries(
    connection: Connection,
    caller: Caller,
    webhook_id: str,
    *,
    status: str | None,
    limit: int,
    cursor: str | None,
) -> DeliveryPage:
    """Deliveries of one webhook, newest first. NotFound."""
    row = await show(connection, caller, webhook_id)
    rows, following = await deliveries.page(connection, row.id, row.tenant, status=status, limit=limit, cursor=cursor)
    return DeliveryPage(items=rows, next_cursor=following)


async def retry(connection: Connection, caller: Caller, webhook_id: str, delivery_id: str) -> DeliveryRow:
    """Try a delivery anew, however it ended. NotFound, or Conflict for a webhook that is disabled."""
    row = await _enabled(connection, caller, webhook_id)
    delivery = await deliveries.retry(connection, row.id, row.tenant, text.delivery_id(delivery_id))
    if delivery is None:
        raise NotFound
    await deliveries.hint(connection)
    await _tell(connection, caller, "webhook.retry", row, delivery=delivery.id)
    return delivery


def new_webhook_id() -> str:
    """A sortable unique id, as keys have."""
    return "wh_" + new_key_id().removeprefix("key_")


async def _enabled(connection: Connection, caller: Caller, webhook_id: str) -> WebhookRow:
    row = await show(connection, caller, webhook_id, hold=True)
    if row.disabled:
        raise Conflict("webhook_disabled")
    return row


async def _tell(connection: Connection, caller: Caller, action: str, row: WebhookRow, **detail: object) -> None:
    await record(connection, caller, action, tenant=row.tenant, target=row.id, detail=detail)
