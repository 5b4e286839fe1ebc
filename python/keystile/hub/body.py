"""Strict JSON: what two parsers could read differently is refused, and every fault is named."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

import msgspec

from keystile.hub.errors import FieldError, Invalid, Malformed

T = TypeVar("T")
_SHOWN_CHARS = 64
_LARGEST_EXACT = 2**53
"""Up to here every reader of JSON has integers exactly."""


def parse(raw: bytes) -> object:
    """One JSON document as Python values.

    Malformed for invalid UTF-8 or JSON, a name given twice in one object, NaN, Infinity, a number beyond
    double precision's range, a lone surrogate, or nesting deeper than the interpreter's limit.
    """
    try:
        text = raw.decode("utf-8")
        document = _decoder.decode(text)
        if "\\u" in text:
            # Only an escape can make a lone surrogate, which is no text and fits no database.
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise Malformed("The body is not valid UTF-8 text.") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    except ValueError:
        raise Malformed from None
    return document


def decode(raw: bytes, kind: type[T]) -> T:
    """The body as a struct of that kind, without any coercion. Malformed, or Invalid naming each field."""
    document = parse(raw)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise Invalid(_faults(document, kind, error)) from None


def readable(error: Exception | str) -> str:
    """A validation message for people, without the value that was refused: it could be a secret."""
    message = str(error).split(" - at ", 1)[0]
    if message.startswith("Invalid enum value"):
        return "Not one of the values allowed here."
    return message


def _faults(document: object, kind: type[Any], error: Exception) -> list[FieldError]:
    if not isinstance(document, dict):
        return [FieldError("", "The body must be a JSON object.")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found = [FieldError(name[:_SHOWN_CHARS], "There is no such field.") for name in document if name not in fields]
    for name, field in fields.items():
        if name not in document:
            if field.required:
                found.append(FieldError(name, "This field is required."))
            continue
        try:
            msgspec.convert(document[name], field.type)
        except msgspec.ValidationError as fault:
            found.append(FieldError(_path(name, fault), readable(fault)))
    return found or [FieldError("", readable(error))]


def _path(name: str, fault: Exception) -> str:
    """`scopes[...]` where the fault lies inside the field, else the field's name."""
    _, _, where = str(fault).partition(" - at `$")
    return name + where.rstrip("`")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A member name is given twice.")
    return members


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _number(text: str) -> float:
    """As JSON Schema has it, 2.0 is the integer 2: there is no reader that takes it for another number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return int(value) if value.is_integer() and abs(value) <= _LARGEST_EXACT else value


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_number)
