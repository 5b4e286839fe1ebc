"""Usage as CSV."""

from __future__ import annotations

from collections.abc import Iterable

from keystile.hub.csv_lines import lines
from keystile.hub.usage.schemas import UsageLine


def table(usage: Iterable[UsageLine]) -> str:
    """A header line, then one line a key."""
    columns = UsageLine.__struct_fields__
    return lines([columns, *([getattr(line, column) for column in columns] for line in usage)])
