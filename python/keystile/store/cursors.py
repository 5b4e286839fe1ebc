"""Page cursors: where a list stopped, opaque to whoever holds one and worthless beyond that list."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from keystile.errors import BadCursor

_MAX_CHARS = 1024
_Position = TypeVar("_Position")


def encode_cursor(position: tuple[str | int, ...]) -> str:
    """A position as base64url text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str, kind: type[_Position]) -> _Position:
    """The position in `cursor`, of the tuple type `kind`; BadCursor when it holds anything else."""
    padded = cursor[:_MAX_CHARS] + "=" * (-len(cursor) % 4)
    try:
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise BadCursor("the cursor was not made by this list") from None
