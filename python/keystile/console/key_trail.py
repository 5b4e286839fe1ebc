"""A key's audit trail in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from keystile.console.format import moment, shown
from keystile.store.records import AuditRow

_ACTIONS = {
    "key.create": "Created",
    "key.update": "Changed",
    "key.rotate": "Rotated",
    "key.end_overlap": "Ended the old secret",
    "key.revoke": "Revoked",
}
FIELDS = {
    "name": "Name",
    "scopes": "Scopes",
    "tier": "Tier",
    "expires_at": "Expires",
    "disabled": "Disabled",
    "note": "Note",
}
_TIMES = frozenset({"expires_at"})
_NONE = Markup("none")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


class Change(Struct, frozen=True):
    """One field of a key, before and after."""

    field: str
    before: Markup
    after: Markup


class Entry(Struct, frozen=True):
    """One row of the trail. `who` and `remark` are other people's text."""

    at: datetime
    who: str
    what: str
    remark: str = ""
    changes: tuple[Change, ...] = ()


def entries(rows: Iterable[AuditRow], names: Mapping[str, str]) -> list[Entry]:
    """What was done to a key; `names` are those of the actors that have one."""
    return [_entry(row, names.get(row.actor, row.actor)) for row in rows]


def duration(seconds: int) -> str:
    """A number of seconds in the largest unit of which there are two or more, rounded."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}s"
    return f"{seconds} seconds"


def _entry(row: AuditRow, who: str) -> Entry:
    detail = row.detail
    if row.action == "key.update":
        return _update(row, who)
    return Entry(row.at, who, _ACTIONS.get(row.action, row.action), _remark(row.action, detail))


def _remark(action: str, detail: Mapping[str, Any]) -> str:
    if action == "key.revoke":
        return str(detail.get("reason") or "")
    if action == "key.rotate":
        seconds = int(detail.get("overlap_seconds") or 0)
        return f"The old secret may work {duration(seconds)} longer." if seconds else "The old secret ended at once."
    return ""


def _update(row: AuditRow, who: str) -> Entry:
    changes = row.detail
    if list(changes) == ["disabled"]:
        return Entry(row.at, who, "Disabled" if changes["disabled"]["to"] else "Enabled")
    told = tuple(
        Change(FIELDS.get(field, field), in_words(field, change["from"]), in_words(field, change["to"]))
        for field, change in changes.items()
    )
    return Entry(row.at, who, "Changed", changes=told)


def in_words(field: str, value: object) -> Markup:
    """What a field of a key holds, as its row or its audit trail has it."""
    if value is None or value == []:
        return _NONE
    if field in _TIMES:
        return moment(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
    if isinstance(value, bool):
        return shown("yes" if value else "no")
    return shown(", ".join(map(str, value)) if isinstance(value, list) else str(value))
