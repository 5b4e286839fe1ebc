"""Bodies of the tenant calls."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from keystile.store.records import TenantRow

TenantName = Annotated[
    str,
    Meta(
        description="For people; trimmed, without control characters.",
        extra_json_schema={"minLength": 1, "maxLength": 100},
    ),
]


class CreateTenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant to add."""

    id: Annotated[
        str,
        Meta(
            description="Final; small letters, digits and '-'.",
            extra_json_schema={"pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
        ),
    ]
    name: TenantName


class UpdateTenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tenant's new name."""

    name: TenantName


class TenantPage(Struct, frozen=True):
    """Some tenants, and the cursor for more; null at the end."""

    items: list[TenantRow]
    next_cursor: str | None
