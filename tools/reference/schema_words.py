"""A JSON schema in a few words of Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tools.reference.markdown import code

Schema = dict[str, Any]

_LIMITS = {
    "format": "",
    "minimum": "at least ",
    "maximum": "at most ",
    "minLength": "at least this many characters: ",
    "maxLength": "at most this many characters: ",
    "pattern": "pattern ",
    "default": "default ",
}


def type_words(schema: Schema) -> str:
    """What a value of it looks like, with a link where it has a name."""
    if "$ref" in schema:
        return link(schema["$ref"].rsplit("/", 1)[-1])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _with_limits(" or ".join(type_words(one) for one in schema[choice]), schema)
    if "enum" in schema:
        return _with_limits("one of " + ", ".join(code(value) for value in schema["enum"]), schema)
    if schema.get("type") == "array":
        return _with_limits(f"list of {type_words(schema['items'])}", schema)
    kind = schema.get("type", "any")
    return _with_limits(" or ".join(kind) if isinstance(kind, list) else str(kind), schema)


def meaning(schema: Schema) -> str:
    """What is said of it, or of the first choice that something is said of."""
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    told = (one["description"] for one in (schema, *choices) if "description" in one)
    return next(told, "")


def anchor(name: str) -> str:
    """Where a schema is described."""
    return f"schema-{name}"


def link(name: str) -> str:
    """A link to there."""
    return f"[{name}](#{anchor(name)})"


def _with_limits(words: str, schema: Schema) -> str:
    return ", ".join([words, *_limits(schema)])


def _limits(schema: Schema) -> Iterator[str]:
    for name, words in _LIMITS.items():
        value = schema.get(name)
        if value is None:
            continue
        # A whole bound is written as such, however the schema has it.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = value if isinstance(value, str) else json.dumps(value)
        yield text if name == "format" else words + code(text)
