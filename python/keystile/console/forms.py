"""What a browser sends with a form: decoded as exactly the struct that a page expects."""

from __future__ import annotations

from typing import TypeVar, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from keystile.hub.errors import FieldError, Invalid

MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200

_Form = TypeVar("_Form", bound=msgspec.Struct)


def decode(raw: bytes, kind: type[_Form]) -> _Form:
    """The form as a struct of texts and lists of texts; what the browser left out has the struct's default.

    Line ends are as everywhere else, not as in forms. Invalid for anything that such a form cannot send.
    """
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Invalid([FieldError("form", "This form is not percent-encoded UTF-8, or too long.")]) from None
    hints = get_type_hints(kind)
    values: dict[str, object] = {}
    for name, text in pairs:
        value = text.replace("\r\n", "\n")
        if name not in hints or (name in values and get_origin(hints[name]) is not list):
            raise Invalid([FieldError(name[:64], "There is no such field, or it was sent twice.")])
        if get_origin(hints[name]) is list:
            kept = values.setdefault(name, [])
            assert isinstance(kept, list)  # noqa: S101  it was made in the line above
            kept.append(value)
        else:
            values[name] = value
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError:
        raise Invalid([FieldError("form", "A field is missing.")]) from None
