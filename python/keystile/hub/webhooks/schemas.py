"""Bodies of the webhook calls. Unknown fields are refused; limits on text apply after trimming."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from keystile.hub.keys.schemas import Note
from keystile.store.deliveries import DeliveryRow
from keystile.store.webhooks import WebhookRow

Event = Literal["key.created", "key.rotated", "key.revoked", "key.expiring", "key.limit_reached", "key.unusual"]
Events = Annotated[
    list[Event],
    Meta(description="What to be told of, each at most once.", extra_json_schema={"uniqueItems": True, "minItems": 1}),
]
Url = Annotated[
    str,
    Meta(
        description="Where to send to: https, a public host, no user name or password.",
        extra_json_schema={"format": "uri", "minLength": 1, "maxLength": 2000},
    ),
]
DeliveryStatus = Literal["waiting", "delivered", "failed"]


class CreateWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to set up."""

    url: Url
    events: Events
    note: Note | None = None
    tenant: str | None = None
    """None: the caller's own; another one only from the home tenant."""


class UpdateWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change: a field that is absent stays; null clears `note`."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    note: Note | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class RotateWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to rotate."""

    overlap_seconds: Annotated[
        int,
        Meta(ge=0, le=2_592_000, description="How long the old secret signs too; 0 ends it at once."),
    ] = 86_400


class IssuedWebhook(Struct, frozen=True):
    """A webhook with its signing secret, which is shown this once."""

    webhook: WebhookRow
    secret: str


class WebhookPage(Struct, frozen=True):
    """Some webhooks, and the cursor for more; null at the end."""

    items: list[WebhookRow]
    next_cursor: str | None


class DeliveryPage(Struct, frozen=True):
    """Some deliveries, and the cursor for more; null at the end."""

    items: list[DeliveryRow]
    next_cursor: str | None
