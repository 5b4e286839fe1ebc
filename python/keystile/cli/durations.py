"""Spans and points of time as people type them: 30d, 12h, an RFC 3339 time, never.

The functions are option types: click calls them with what was typed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import rich_click as click

NEVER = "never"

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")


def moment(text: str) -> str:
    """A point of time as RFC 3339 in UTC, counted from now where a span is given; or "never"."""
    text = text.strip()
    return NEVER if text.lower() == NEVER else _moment(text, 1, "a time like 2030-01-31T00:00:00Z, or never")


def past_moment(text: str) -> str:
    """The same, but a span is counted back from now, and there is no "never"."""
    return _moment(text.strip(), -1, "or a time like 2030-01-31T00:00:00Z")


def span(text: str) -> int:
    """A span of time in seconds; a bare number is seconds."""
    match = _SPAN.fullmatch(text.strip() if text.strip()[-1:].isalpha() else f"{text.strip()}s")
    if not match:
        raise click.BadParameter("expected seconds, or a span like 1d, 12h or 45m.")
    return int(match[1]) * _UNITS[match[2]]


def _moment(text: str, direction: int, otherwise: str) -> str:
    try:
        found = _parse(text, direction)
        if found.tzinfo is None:
            raise click.BadParameter("the time needs a zone; end it with Z for UTC.")
        return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise click.BadParameter(f"expected a span like 30d, 12h or 45m, {otherwise}.") from None


def _parse(text: str, direction: int) -> datetime:
    if match := _SPAN.fullmatch(text):
        return datetime.now(UTC) + direction * timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    return datetime.fromisoformat(text)
