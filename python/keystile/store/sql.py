"""The SQL of the store: one file per query, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The text of `queries/<name>.sql`."""
    return files("keystile.store").joinpath("queries", f"{name}.sql").read_text("utf-8")
