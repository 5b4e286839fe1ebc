"""From a database record to a struct."""

from __future__ import annotations

from typing import TypeVar

import asyncpg
from msgspec import Struct

_Row = TypeVar("_Row", bound=Struct)


def part(record: asyncpg.Record, kind: type[_Row]) -> _Row:
    """A struct from those columns of a wider record that it has fields for."""
    return kind(**{field: record[field] for field in kind.__struct_fields__})
