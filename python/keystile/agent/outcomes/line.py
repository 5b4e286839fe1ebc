"""One line of a proxy's access log: with which status the request of which key ended."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

MOST_BYTES = 65_536
"""The longest line; no datagram is longer."""

_LEAST_ERROR = 400


class Ended(NamedTuple):
    """A request that ended with an error."""

    key_id: str
    status: int


class NotAnOutcome(ValueError):
    """The line says nothing that can be counted."""


class _Headers(Struct, rename={"key_id": "X-Keystile-Key-Id"}):
    """Headers as Caddy logs them, a list of values for each name."""

    key_id: list[str] = []


class _Line(Struct):
    """The two fields that matter, and where Caddy's own format has the first; all others are passed over."""

    status: Annotated[int, Meta(ge=100, le=599)]
    key_id: str | None = None
    resp_headers: _Headers | None = None


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
    key_id = found.key_id or _sole(found.resp_headers)
    return Ended(key_id, found.status) if key_id and found.status >= _LEAST_ERROR else None


def _sole(headers: _Headers | None) -> str | None:
    """The one id among Caddy's response headers. Where there are two the upstream has sent one too: neither counts."""
    return headers.key_id[0] if headers is not None and len(headers.key_id) == 1 else None
