"""Bodies of the key calls. Unknown fields are refused; limits on text apply after trimming."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from keystile.hub.text import NAME_CHARS, NOTE_CHARS, REASON_CHARS, line_pattern, paragraph_pattern
from keystile.hub.waits import Confirmation
from keystile.store.records import Headline, KeyRow

Name = Annotated[
    str,
    Meta(
        description=f"For people; trimmed, then 1 to {NAME_CHARS} characters, none of them a control character.",
        extra_json_schema={"pattern": line_pattern(NAME_CHARS)},
    ),
]
Scopes = Annotated[
    list[str],
    Meta(
        description="Names from the catalogue, each at most once. A key with none has no access to anything.",
        extra_json_schema={"uniqueItems": True},
    ),
]
TierName = Annotated[str, Meta(description="A tier of the catalogue.")]
ExpiresAt = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a time zone, in the future.")]
Note = Annotated[
    str,
    Meta(
        description=f"For people; trimmed, then at most {NOTE_CHARS} characters.",
        extra_json_schema={"pattern": paragraph_pattern(NOTE_CHARS)},
    ),
]
Reason = Annotated[
    str,
    Meta(
        description=f"For people; trimmed, then at most {REASON_CHARS} characters.",
        extra_json_schema={"pattern": paragraph_pattern(REASON_CHARS)},
    ),
]
Status = Literal["active", "disabled", "expired", "revoked"]
Sort = Literal[
    "created_at",
    "-created_at",
    "name",
    "-name",
    "last_used_at",
    "-last_used_at",
    "expires_at",
    "-expires_at",
    "total_requests",
    "-total_requests",
]


class CreateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to issue. Nothing in it may exceed what the calling key holds itself."""

    name: Name
    scopes: Scopes
    tier: TierName | None = None
    """None: the first tier of the catalogue."""
    expires_at: ExpiresAt | None = None
    note: Note | None = None
    tenant: str | None = None
    """None: the caller's own; another one only from the home tenant."""


class UpdateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change: a field that is absent stays; null clears `expires_at` or `note`."""

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    tier: TierName | UnsetType = UNSET
    expires_at: ExpiresAt | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    note: Note | UnsetType | None = UNSET


class RotateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to rotate."""

    overlap_seconds: Annotated[
        int,
        Meta(ge=0, le=2_592_000, description="How long the old secret still works; 0 ends it at once."),
    ] = 86_400


class RevokeKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the key is revoked."""

    reason: Reason | None = None


class IssuedKey(Struct, frozen=True):
    """A key with its secret, which is shown this once and kept nowhere."""

    key: KeyRow
    secret: str


class ChangedKey(KeyRow, frozen=True, kw_only=True):
    """A key after a change; `confirmation` if it was asked for with `wait=confirmed`."""

    confirmation: Confirmation | UnsetType = UNSET


class RotatedKey(IssuedKey, frozen=True):
    """A key with its new secret; `confirmation` if it was asked for with `wait=confirmed`."""

    confirmation: Confirmation | UnsetType = UNSET


class ListedKey(KeyRow, frozen=True, kw_only=True):
    """A key with its usage figures."""

    usage: Headline


class KeyPage(Struct, frozen=True):
    """Some keys, and the cursor for more; null at the end."""

    items: list[ListedKey]
    next_cursor: str | None
