"""The audit trail in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from keystile.store.records import AuditRow

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "key.create": "Key created",
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
        "session.begin": "Signed in",
        "session.end": "Signed out",
        "session.end_all": "Signed out everywhere",
    }
)
"""Every action and what it is called."""

ACTORS: Mapping[str, str] = MappingProxyType(
    {"agent": "Agent", "bootstrap": "First start", "db restore": "Restore of a backup", "demo": "Sample data"}
)
"""Those who act and are neither keys nor operators."""

_NOTHING = "none"


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
    name = field.replace("_", " ")
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return Change(name, _words(value["from"]), _words(value["to"]))
    return Change(name, None, _words(value))


def _words(value: object) -> str:
    if value is None or value in ([], ""):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return str(value)
