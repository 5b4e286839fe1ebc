"""Bodies of the operator calls. Unknown fields are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from keystile.store.records import OperatorRow

Role = Annotated[
    Literal["owner", "admin", "viewer"],
    Meta(description="`owner` may do everything, `admin` all but manage operators, `viewer` only look."),
]
Email = Annotated[
    str,
    Meta(
        description="What the operator signs in with; without regard to case.",
        extra_json_schema={"format": "email", "minLength": 3, "maxLength": 254},
    ),
]


class AddOperator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator to add, who then chooses a password by a link."""

    email: Email
    role: Role
    tenant: str | None = None
    """None: the caller's own; another one only from the home tenant."""


class UpdateOperator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change: a field that is absent stays."""

    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class OperatorLink(Struct, frozen=True, kw_only=True):
    """A link by which an operator chooses a password. It is shown this once, and works once."""

    operator: OperatorRow
    path: str
    """To be put after the Hub's address."""
    expires_at: datetime


class OperatorPage(Struct, frozen=True):
    """Some operators, and the cursor for more; null at the end."""

    items: list[OperatorRow]
    next_cursor: str | None
