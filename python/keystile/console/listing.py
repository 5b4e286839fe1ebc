"""What a list of keys is asked for, and the addresses of the same list asked a little differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from keystile.console.pages import path_of
from keystile.hub.errors import Faults
from keystile.hub.keys.schemas import Sort, Status

NEWEST = "-created_at"
SORTS = (
    (NEWEST, "Newest first"),
    ("created_at", "Oldest first"),
    ("name", "Name, A to Z"),
    ("-name", "Name, Z to A"),
    ("-last_used_at", "Used most recently"),
    ("last_used_at", "Used least recently"),
    ("-total_requests", "Most requests"),
    ("total_requests", "Fewest requests"),
    ("expires_at", "Expiring first"),
    ("-expires_at", "Expiring last"),
)
"""Every order of the list, with its words."""


class Head(Struct, frozen=True):
    """The head of a column that sorts: where it leads, and how the list is sorted by it now."""

    href: str
    sort: str


class Listing(Struct, frozen=True, kw_only=True):
    """One list of a tenant's keys. What is empty is not asked for."""

    tenant: str
    q: str = ""
    status: str = ""
    scope: str = ""
    tier: str = ""
    sort: str = NEWEST
    cursor: str = ""

    def check(self) -> None:
        """Raise Invalid for a status or an order that there is not."""
        faults = Faults()
        if self.status and self.status not in get_args(Status):
            faults.add("status", "There is no such status.")
        if self.sort not in get_args(Sort):
            faults.add("sort", "Keys cannot be sorted by that.")
        faults.check()

    @property
    def filters(self) -> dict[str, str | None]:
        """What the service takes."""
        return {name: getattr(self, name) or None for name in ("q", "status", "scope", "tier", "cursor")}

    @property
    def filtered(self) -> bool:
        """Whether something may be left out."""
        return bool(self.q or self.status or self.scope or self.tier)

    def href(self, **changes: str) -> str:
        """The address of this list with these changes; from its beginning unless they name a cursor."""
        asked = msgspec.structs.asdict(self) | {"cursor": ""} | changes
        asked.pop("tenant")
        query = {name: value for name, value in asked.items() if value and (name, value) != ("sort", NEWEST)}
        path = path_of(self.tenant)
        return f"{path}?{urlencode(query)}" if query else path

    def heads(self) -> dict[str, Head]:
        """The columns that sort: by the way that is asked for more often at first, then by the other."""
        return {
            name: self._head(name, first)
            for name, first in (("name", ""), ("created_at", "-"), ("last_used_at", "-"), ("total_requests", "-"))
        }

    def _head(self, name: str, first: str) -> Head:
        if self.sort.removeprefix("-") != name:
            return Head(self.href(sort=first + name), "")
        down = self.sort.startswith("-")
        return Head(self.href(sort=name if down else f"-{name}"), "descending" if down else "ascending")


def options(title: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The choices of a filter; the first one asks for nothing."""
    return [("", title), *((name, name) for name in names)]
