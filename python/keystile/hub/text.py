"""Text that people type: trimmed, bounded and free of control characters, but otherwise as it is."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from keystile.hub.errors import Faults, NotFound

NAME_CHARS = 100
NOTE_CHARS = 1000
REASON_CHARS = 500

EMAIL_CHARS = 254

_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
NO_CONTROLS = f"^[^{_CONTROLS}]*$"
"""A regular expression of texts without control characters."""
_BLANKS = r"\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
KEY_ID = "key_[0-7][0-9a-hjkmnp-tv-z]{25}"
OPERATOR_ID = "op_[0-7][0-9a-hjkmnp-tv-z]{25}"
TENANT_ID = "[a-z0-9][a-z0-9-]{0,62}"
WEBHOOK_ID = "wh_[0-7][0-9a-hjkmnp-tv-z]{25}"
DELIVERY_ID = "msg_[0-9a-f]{32}"
"""The forms of ids, for a whole text."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_KEY_ID = re.compile(KEY_ID)
_OPERATOR_ID = re.compile(OPERATOR_ID)
_WEBHOOK_ID = re.compile(WEBHOOK_ID)
_DELIVERY_ID = re.compile(DELIVERY_ID)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TENANT_ID = re.compile(TENANT_ID)


def line_pattern(longest: int) -> str:
    """A regular expression of what `line` takes, which is trimmed before it is measured."""
    inner = f"[^{_CONTROLS}{_BLANKS}]([^{_CONTROLS}]{{0,{longest - 2}}}[^{_CONTROLS}{_BLANKS}])?"
    return f"^[{_BLANKS}]*{inner}[{_BLANKS}]*$"


def paragraph_pattern(longest: int) -> str:
    """The same of what `paragraph` takes."""
    controls = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
    inner = f"[^{controls}{_BLANKS}]([^{controls}]{{0,{longest - 2}}}[^{controls}{_BLANKS}])?"
    return f"^[{_BLANKS}]*({inner})?[{_BLANKS}]*$"


def line(faults: Faults, field: str, value: str, *, longest: int) -> str:
    """One line of text, trimmed: 1 to `longest` characters, none of them a control character.

    Direction overrides and markup stay: they are shown as text, and a name must not change silently.
    """
    return _clean(faults, field, value, shortest=1, longest=longest, allowed="")


def paragraph(faults: Faults, field: str, value: str, *, longest: int) -> str | None:
    """Text that may span lines, trimmed; None when nothing is left."""
    return _clean(faults, field, value, shortest=0, longest=longest, allowed="\n\t") or None


def key_id(value: str) -> str:
    """The same id if it can be one at all; NotFound otherwise, as for any id that names nothing."""
    if not is_key_id(value):
        raise NotFound
    return value


def is_key_id(value: str) -> bool:
    """Whether it has the form of a key's id."""
    return _KEY_ID.fullmatch(value) is not None


def tenant_id(value: str) -> str:
    """The same, for a tenant."""
    if not is_tenant_id(value):
        raise NotFound
    return value


def is_tenant_id(value: str) -> bool:
    """Whether it has the form of a tenant's id."""
    return _TENANT_ID.fullmatch(value) is not None


def operator_id(value: str) -> str:
    """The same, for an operator."""
    if _OPERATOR_ID.fullmatch(value) is None:
        raise NotFound
    return value


def webhook_id(value: str) -> str:
    """The same, for a webhook."""
    if _WEBHOOK_ID.fullmatch(value) is None:
        raise NotFound
    return value


def delivery_id(value: str) -> str:
    """The same, for a delivery of a webhook."""
    if _DELIVERY_ID.fullmatch(value) is None:
        raise NotFound
    return value


def new_tenant_id(faults: Faults, value: str) -> str:
    """The id for a new tenant."""
    if _TENANT_ID.fullmatch(value) is None:
        faults.add("id", "Use 1 to 63 small letters, digits and '-', not starting with '-'.")
    return value


def email(faults: Faults, field: str, value: str) -> str:
    """The address of an operator, in the one form in which addresses are compared."""
    normal = normal_email(value)
    if len(normal) > EMAIL_CHARS or _EMAIL.fullmatch(normal) is None or has_controls(normal):
        faults.add(field, "This is not an e-mail address.")
    return normal


def normal_email(value: str) -> str:
    """An address without regard to case and to spaces around it."""
    return unicodedata.normalize("NFC", value.strip()).lower()


def moment(faults: Faults, field: str, value: str | None) -> datetime | None:
    """A point of time in a query, in UTC; None for none."""
    if value is None:
        return None
    try:
        if _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    faults.add(field, "This is not a time as RFC 3339 writes it, with a zone: 2030-01-31T00:00:00Z.")
    return None


def has_controls(value: str, allowed: str = "") -> bool:
    """Whether there is a control character other than those allowed, or half of a surrogate pair."""
    if value.isascii() and value.isprintable():
        return False
    return any(c not in allowed and unicodedata.category(c) in {"Cc", "Cs"} for c in value)


def _clean(faults: Faults, field: str, value: str, *, shortest: int, longest: int, allowed: str) -> str:
    trimmed = value.strip()
    if not shortest <= len(trimmed) <= longest:
        faults.add(field, f"Use {shortest} to {longest} characters.")
    elif has_controls(trimmed, allowed):
        faults.add(field, "Control characters are not allowed.")
    return trimmed
