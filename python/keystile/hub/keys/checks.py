"""What is asked for a key, checked against the catalogue and the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from msgspec import UNSET

from keystile.hub import text
from keystile.hub.errors import Faults
from keystile.hub.keys.schemas import UpdateKey


def check_scopes(faults: Faults, scopes: Sequence[str], known: Collection[str]) -> list[str]:
    """Every scope is in the catalogue, and named once."""
    for position, scope in enumerate(scopes):
        if scope not in known:
            faults.add(f"scopes[{position}]", "There is no such scope.")
        elif scope in scopes[:position]:
            faults.add(f"scopes[{position}]", "This scope is named twice.")
    return list(scopes)


def check_tier(faults: Faults, tier: str, known: Collection[str]) -> str:
    """The tier is in the catalogue."""
    if tier not in known:
        faults.add("tier", "There is no such tier.")
    return tier


def check_expiry(faults: Faults, expires_at: datetime | None) -> datetime | None:
    """The same moment in UTC, which must not be past; None is a key that never expires."""
    moment = None if expires_at is None else in_utc(faults, expires_at)
    if moment is not None and moment <= datetime.now(UTC):
        faults.add("expires_at", "This is not in the future.")
    return moment


def in_utc(faults: Faults, moment: datetime) -> datetime | None:
    """The same moment in UTC, past or not."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # The first and the last year have hours that are in no year at all in UTC.
        faults.add("expires_at", "This is beyond the calendar.")
        return None


def changes_of(update: UpdateKey, scopes: Collection[str], tiers: Collection[str]) -> dict[str, object]:
    """The fields that an update names, checked; raises Invalid with every fault."""
    faults = Faults()
    changes: dict[str, object] = {}
    if update.name is not UNSET:
        changes["name"] = text.line(faults, "name", update.name, longest=text.NAME_CHARS)
    if update.scopes is not UNSET:
        changes["scopes"] = check_scopes(faults, update.scopes, scopes)
    if update.tier is not UNSET:
        changes["tier"] = check_tier(faults, update.tier, tiers)
    if update.expires_at is not UNSET:
        changes["expires_at"] = check_expiry(faults, update.expires_at)
    if update.disabled is not UNSET:
        changes["disabled"] = update.disabled
    if update.note is not UNSET:
        changes["note"] = update.note and text.paragraph(faults, "note", update.note, longest=text.NOTE_CHARS)
    faults.check()
    return changes
