"""One line of a proxy's access log: with which status the request of which key ended."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

MOST_BYTES = 4_096
"""The longest line. What proxies write is a tenth of that, if they are set up as in `deploy/`."""

_LEAST_ERROR = 400


class Ended(NamedTuple):
    """A request that ended with an error."""

    key_id: str
    status: int


class NotAnOutcome(ValueError):
    """The line says nothing that can be counted."""


class _Line(Struct):
    """The two fields that matter, and where Caddy's own format has the first; all others are passed over."""

    status: Annotated[int, Meta(le=599)]
    """0 or -1 in the logs of some, where the client was gone before there was one."""
    key_id: str | None = None
    user_id: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def read(line: bytes) -> Ended | None:
    """What a line says, with or without a syslog header; None if there is nothing to count: no error, or no key.

    NotAnOutcome if it is not one JSON object with a status.
    """
    start = line.find(b"{")
    if start < 0 or (start > 0 and not line.startswith(b"<")):
        raise NotAnOutcome
    try:
        found = _decoder.decode(line[start:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAnOutcome from None
    key_id = _key(found.key_id) or _key(found.user_id)
    return Ended(key_id, found.status) if key_id is not None and found.status >= _LEAST_ERROR else None


def _key(text: str | None) -> str | None:
    """The id of a key, and not what stands in its place: nothing or `-`, and in Caddy's `user_id` any other user."""
    return text if text is not None and text.startswith("key_") else None
