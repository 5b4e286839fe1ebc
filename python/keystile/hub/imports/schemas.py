"""The lines of an import, and its answer. Unknown fields are refused; limits on text apply after trimming."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from keystile.hub.errors import FieldError
from keystile.hub.keys.schemas import ExpiresAt, Name, Note, Scopes, TierName

MOST_BYTES = 4_194_304
MOST_LINES = 1_000
MOST_LINE_BYTES = 65_536
"""Of one line, which is read in one go while other requests of the process wait."""
MEDIA_TYPE = "application/x-ndjson"


class ImportKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to import: its secret, or the SHA-256 of it, and what `POST /v1/keys` takes."""

    name: Name
    scopes: Scopes
    tier: TierName | None = None
    """None: the first tier of the catalogue."""
    expires_at: ExpiresAt | None = None
    note: Note | None = None
    tenant: str | None = None
    """None: that of the call."""
    secret: Annotated[str, Meta(description="16 to 512 visible ASCII characters.")] | None = None
    sha256: Annotated[str, Meta(description="SHA-256 of the secret, in hex or Base64, instead of it.")] | None = None
    start: Annotated[str, Meta(description="With `sha256`: its first characters, at most 8.")] | None = None
    last4: Annotated[str, Meta(description="With `sha256`: its last 4 characters.")] | None = None

    def __repr__(self) -> str:
        """Never the secret."""
        return f"ImportKey(name={self.name!r})"


class ImportedLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line. `existed`: an earlier import, or an earlier line, had brought it already."""

    line: int
    outcome: Literal["imported", "existed", "refused"]
    key_id: str | None = None
    errors: list[FieldError] = []


class ImportAnswer(Struct, frozen=True, kw_only=True):
    """How many lines were imported, had been already, and were refused; and each of them."""

    dry_run: bool
    """If so, nothing was stored, and `imported` are those that would have been."""
    imported: int
    existed: int
    refused: int
    lines: list[ImportedLine]
