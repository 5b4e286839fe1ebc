"""Bodies of the tenant calls."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from keystile.hub.text import NAME_CHARS, TENANT_ID, line_pattern
from keystile.store.records import TenantRow

TenantName = Annotated[
    str,
    Meta(
        description=f"For people; trimmed, then 1 to {NAME_CHARS} characters, none of them a control character.",
        extra_json_schema={"pattern": line_pattern(NAME_CHARS)},
    ),
]


class CreateTenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant to add."""

    id: Annotated[
        str,
        Meta(
            description="Final; small letters, digits and '-'.",
            extra_json_schema={"pattern": f"^{TENANT_ID}$"},
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
