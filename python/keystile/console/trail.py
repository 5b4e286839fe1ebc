"""The audit trail in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from keystile.console.format import day
from keystile.store.records import AuditRow

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "key.create": "Key created",
        "key.import": "Key imported",
        "key.update": "Key changed",
        "key.rotate": "Key rotated",
        "key.end_overlap": "Old secret ended",
        "key.revoke": "Key revoked",
        "tenant.create": "Tenant added",
        "tenant.update": "Tenant renamed",
        "operator.create": "Operator added",
        "operator.update": "Operator changed",
        "operator.link": "Link made",
        "operator.password": "Password chosen",
        "webhook.create": "Webhook set up",
        "webhook.update": "Webhook changed",
        "webhook.rotate": "Webhook rotated",
        "webhook.delete": "Webhook removed",
        "webhook.test": "Webhook tested",
        "webhook.retry": "Delivered again",
        "session.begin": "Signed in",
        "session.end": "Signed out",
        "session.end_all": "Signed out everywhere",
    }
)
"""Every action and what it is called."""

ACTORS: Mapping[str, str] = MappingProxyType(
    {
        "agent": "Agent",
        "bootstrap": "First start",
        "db restore": "Restore of a backup",
        "demo": "Sample data",
        "github": "GitHub",
        "webhooks": "Webhooks",
    }
)
"""Those who act and are neither keys nor operators."""

_NOTHING = "none"
_FIELDS = {"expires_at": "expires", "overlap_seconds": "old secret works for"}


class Change(Struct, frozen=True):
    """One field of what was done; `before` is None where there was nothing before."""

    field: str
    before: str | None
    after: str


class Entry(Struct, frozen=True, kw_only=True):
    """One row. `who` and `whom` are other people's text, or ids where there is no name."""

    at: datetime
    actor: str
    who: str
    what: str
    target: str
    whom: str
    changes: Sequence[Change]


def entries(rows: Sequence[AuditRow], names: Mapping[str, str]) -> list[Entry]:
    """Rows as people read them; `names` are those of keys and operators by id."""
    return [
        Entry(
            at=row.at,
            actor=row.actor,
            who=names.get(row.actor) or ACTORS.get(row.actor, row.actor),
            what=ACTIONS.get(row.action, row.action),
            target=row.target,
            whom=names.get(row.target, row.target),
            changes=[_change(field, value) for field, value in row.detail.items()],
        )
        for row in rows
    ]


def _change(field: str, value: Any) -> Change:
    name = _FIELDS.get(field, field.removesuffix("_at").replace("_", " "))
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return Change(name, _words(field, value["from"]), _words(field, value["to"]))
    return Change(name, None, _words(field, value))


def _words(field: str, value: object) -> str:
    if value is None or value in ([], ""):
        return _NOTHING
    if field == "overlap_seconds" and isinstance(value, int):
        return _duration(value)
    if field.endswith("_at") and isinstance(value, str):
        return _moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(field, one) for one in value)
    return str(value)


def _moment(text: str) -> str:
    """A time as the rest of the console shows it; the text as it is where it is none."""
    try:
        utc = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{day(utc)}, {utc:%H:%M} UTC"


def _duration(seconds: int) -> str:
    """Whole days, hours or seconds; none at all is "no time"."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (1, "second")):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {name}" if count == 1 else f"{count:,} {name}s"
    return "no time"
