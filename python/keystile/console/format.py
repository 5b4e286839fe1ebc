"""Filters of the templates: how times, numbers and other people's text are shown."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup, escape

from ..safe_text import escape as escaped_character
from ..safe_text import is_unsafe

NOTHING = "\N{EN DASH}"
"""What stands where there is no figure."""

# Harmless in HTML, and part of what people write into notes.
_LAYOUT = frozenset("\n\t")

_STEPS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def ago(moment: datetime | None, now: datetime | None = None, none: str = "Never") -> Markup:
    """A time in words, "5 minutes ago" or "in 3 days", with the exact one in UTC as its title."""
    if moment is None:
        return Markup('<span class="quiet">{}</span>').format(none)
    return _time(moment, _distance(moment - (now or datetime.now(UTC))))


def moment(value: datetime | None, none: str = "Never") -> Markup:
    """A time in full, to the minute, in UTC."""
    if value is None:
        return Markup('<span class="quiet">{}</span>').format(none)
    utc = value.astimezone(UTC)
    return _time(value, f"{day(utc)}, {utc:%H:%M} UTC")


def day(value: date) -> str:
    """A day as people in all countries read it the same: 23 Nov 2026."""
    return f"{value.day} {value:%b %Y}"


def number(value: int | None) -> str:
    """A count with its thousands apart."""
    return NOTHING if value is None else f"{value:,}"


def short_number(value: int) -> str:
    """A count in at most five characters, for axes: 950, 1.2k, 30M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:.1f}".removesuffix(".0") + unit if value < 100 * size else f"{value // size}{unit}"
    return str(value)


def percent(value: float | None) -> str:
    """A percentage (0 to 100) with two decimals at most; what is not nothing never reads as nothing."""
    if value is None:
        return NOTHING
    if 0 < value < 0.01:
        return "<0.01%"
    if 99.99 < value < 100:
        return ">99.99%"
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"


def visible(value: object) -> object:
    """Text in which no character can hide or reorder others; markup and other values stay as they are.

    The environment does this to all that a template puts out, inside attributes too.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isprintable():
        return value
    return "".join(escaped_character(char) if _hides(char) else char for char in value)


def shown(value: str) -> Markup:
    """Other people's text as an element of its own: isolated from the direction of what is around it."""
    return Markup("<bdi>{}</bdi>").format(Markup("").join(_seen(char) for char in value))


def as_typed(value: str) -> Markup:
    """Text exactly as it is, for the value of a field only: what is edited must come back unchanged."""
    return escape(str(value))


def _seen(char: str) -> Markup:
    if _hides(char):
        return Markup('<span class="escape">{}</span>').format(escaped_character(char))
    return escape(char)


def _hides(char: str) -> bool:
    return is_unsafe(char) and char not in _LAYOUT


def _time(value: datetime, text: str) -> Markup:
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC", text
    )


def _distance(distance: timedelta) -> str:
    length = abs(distance)
    for size, name in _STEPS:
        if length >= size:
            count = length // size
            words = f"{count} {name}" if count == 1 else f"{count} {name}s"
            return f"in {words}" if distance > timedelta(0) else f"{words} ago"
    return "in less than a minute" if distance > timedelta(0) else "just now"
