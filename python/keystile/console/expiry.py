"""The field for a key's end: presets, or a last day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from msgspec import UNSET, UnsetType

from keystile.hub.errors import FieldError, Invalid

KEEP, NEVER, CUSTOM = "keep", "never", "custom"
_DAYS = {"30d": 30, "90d": 90, "1y": 365}
PRESETS = (("30d", "30 days"), ("90d", "90 days"), ("1y", "1 year"), (NEVER, "Never"), (CUSTOM, "Date"))
"""Values and names, as `parts/field.html` takes them."""


def chosen(preset: str, last_day: str, now: datetime | None = None) -> datetime | UnsetType | None:
    """When the key ends; None: never; UNSET: as it is. Invalid, about the field `expires`."""
    if preset == KEEP:
        return UNSET
    if preset == NEVER:
        return None
    if preset in _DAYS:
        return in_days(_DAYS[preset], now)
    if preset != CUSTOM:
        raise _wrong("Choose one of these.")
    try:
        return datetime.combine(date.fromisoformat(last_day), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise _wrong("Give the last day as a date, such as 2027-06-30.") from None


def in_days(days: int, now: datetime | None = None) -> datetime:
    """The moment that many days from now."""
    return (now or datetime.now(UTC)) + timedelta(days=days)


def _wrong(text: str) -> Invalid:
    return Invalid([FieldError("expires", text)])
