"""Which values parameters and bodies take: what the framework cannot know of ids, texts and the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from keystile.hub import text
from keystile.hub.requests import LONGEST_VALUE

_NULL = {"type": "null"}
_TEXT = {"maxLength": LONGEST_VALUE, "pattern": text.NO_CONTROLS}
"""What `check_query` lets through."""
_FORMS = {
    "key_id": text.KEY_ID,
    "operator_id": text.OPERATOR_ID,
    "tenant_id": text.TENANT_ID,
    "webhook_id": text.WEBHOOK_ID,
    "delivery_id": text.DELIVERY_ID,
    "tenant": text.TENANT_ID,
}
"""Parameters that are ids, by name."""
_NARROWER = frozenset({"enum", "pattern", "format"})


def plain(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter without the values that say nothing. In a query there is no null, only absence."""
    schema = dict(parameter["schema"])
    for choice in schema.pop("oneOf", ()):
        if choice != _NULL:
            schema = {**choice, **schema}
    if "enum" in schema:
        schema |= {"type": "string", "enum": [value for value in schema["enum"] if value is not None]}
    for bound in {"minimum", "maximum"} & schema.keys():
        schema[bound] = int(schema[bound])
    schema.pop("description", None)
    if parameter["name"] in _FORMS:
        schema["pattern"] = f"^{_FORMS[parameter['name']]}$"
    elif parameter["in"] == "query" and schema.get("type") == "string" and not _NARROWER & schema.keys():
        schema |= _TEXT
    kept: tuple[str, ...] = ("name", "in", "required", "description")
    return {name: parameter[name] for name in kept if name in parameter} | {"schema": schema}


def put_catalogue(document: dict[str, Any], scopes: Iterable[str], tiers: Iterable[str]) -> None:
    """Name the scopes and tiers that there are, wherever a request can ask for one."""
    names = {"scope": list(scopes), "scopes": list(scopes), "tier": list(tiers)}
    for name, schema in _asked_for(document):
        if name not in names:
            continue
        target = schema["items"] if schema.get("type") == "array" else schema
        for choice in target.get("anyOf", [target]):
            if choice != _NULL:
                choice["enum"] = names[name]
                for said in _TEXT.keys() & choice.keys():
                    del choice[said]


def _asked_for(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters, and the fields of bodies: those are the schemas that refuse unknown fields."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                yield parameter["name"], parameter["schema"]
    for schema in document["components"]["schemas"].values():
        if schema.get("additionalProperties") is False:
            yield from schema["properties"].items()
