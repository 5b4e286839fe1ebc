"""Usage as CSV. A spreadsheet must never take a key's name for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from keystile.hub.usage.schemas import UsageLine

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def table(lines: Iterable[UsageLine]) -> str:
    """RFC 4180: a header line, then one line a key; times are RFC 3339 in UTC, absent values empty."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    columns = UsageLine.__struct_fields__
    writer.writerow(columns)
    for line in lines:
        writer.writerow([_cell(getattr(line, column)) for column in columns])
    return buffer.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA_STARTS):
        # A leading apostrophe makes it text in every common spreadsheet.
        return "'" + value
    return value
