"""Lists as CSV (RFC 4180). A spreadsheet must never take somebody's text for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

CSV = "text/csv"
MEDIA_TYPE = f"{CSV}; header=present"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def lines(rows: Iterable[Iterable[object]]) -> str:
    """Some lines; times are RFC 3339 in UTC, absent values empty."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def attachment(name: str) -> dict[str, str]:
    """The header by which a browser saves an answer as a file of this name."""
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA_STARTS):
        # A leading apostrophe makes it text in every common spreadsheet.
        return "'" + value
    return value
