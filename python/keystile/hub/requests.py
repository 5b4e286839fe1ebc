"""The request as the Hub's controllers see it: strict about its body and its query."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from keystile.hub import body
from keystile.hub.errors import FieldError, Invalid, WrongMediaType
from keystile.hub.text import has_controls

_MOST_PARAMETERS = 32
LONGEST_VALUE = 500
"""Characters of a query parameter's value."""
_BAD_VALUE = f"Use at most {LONGEST_VALUE} characters, none of them a control character."

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
Tenant = Annotated[str | None, QueryParameter(description="Another tenant; for the home tenant's keys only.")]


class HubRequest(Request[Any, Any, State]):
    """Reads a body as exactly the struct that the route declares, without coercing anything."""

    async def json(self) -> Any:
        """The body. WrongMediaType, Malformed or Invalid."""
        check_media_type(self.scope["headers"])
        field = self.route_handler.parsed_data_field
        kind = None if field is None else _struct_of(field.annotation)
        raw = await self.body()
        return body.parse(raw) if kind is None else body.decode(raw, kind)


def check_media_type(headers: Any, expected: str = "application/json") -> None:
    """WrongMediaType unless the raw ASGI headers declare a body of plain, UTF-8 JSON, or of another `expected` type."""
    refusal = WrongMediaType(f"Send the body as {expected}, not encoded.")
    types = [value for name, value in headers if name == b"content-type"]
    encoded = [value for name, value in headers if name == b"content-encoding"]
    if len(types) != 1 or any(value.strip().lower() != b"identity" for value in encoded):
        raise refusal
    essence, _, parameters = types[0].decode("latin-1").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if essence.strip() != expected or charset not in {"", "charset=utf-8"}:
        raise refusal


def check_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: Invalid for a query parameter that the route does not have, or that is given twice."""
    raw: bytes = connection.scope["query_string"]
    if not raw:
        return
    errors: list[FieldError] = []
    known, seen = query_names(handler), set[str]()
    for name, value in parse_query(raw):
        if name not in known:
            errors.append(FieldError(name[:64], "There is no such parameter."))
        elif name in seen:
            errors.append(FieldError(name, "Give this parameter once."))
        elif len(value) > LONGEST_VALUE or has_controls(value):
            errors.append(FieldError(name, _BAD_VALUE))
        elif value not in _choices(handler).get(name, (value,)):
            errors.append(FieldError(name, "Not one of the values allowed here."))
        seen.add(name)
    if errors:
        raise Invalid(errors)


def parse_query(raw: bytes) -> list[tuple[str, str]]:
    """The query's pairs. Invalid unless it is percent-encoded UTF-8 of at most 32 pairs."""
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise Invalid([FieldError("query", "The query is not percent-encoded UTF-8, or too long.")]) from None


@lru_cache(maxsize=256)
def query_names(handler: BaseRouteHandler) -> frozenset[str]:
    """The query parameters that a route declares."""
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    )


@lru_cache(maxsize=256)
def _choices(handler: BaseRouteHandler) -> dict[str, tuple[object, ...]]:
    """What parameters can be that take only some words: the framework would take "null" for one left out."""
    found = {}
    for name, field in handler.parsed_fn_signature.parameters.items():
        literal = next((kind for kind in (field.annotation, *get_args(field.annotation)) if _is_literal(kind)), None)
        if isinstance(field.kwarg_definition, QueryParameter) and literal is not None:
            found[field.kwarg_definition.name or name] = get_args(literal)
    return found


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct in `T` or `T | None`."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return kind
    return None
