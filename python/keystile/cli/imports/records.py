"""From lines to records: what a file says of one key, by the file's own names. Nothing of a record is ever shown."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from keystile.cli.imports.lines import BadLine, Lines
from keystile.hub import body
from keystile.hub.errors import Malformed


class Record(NamedTuple):
    """One record and the line where it begins; without fields for one that cannot be read, and then why."""

    line: int
    fields: dict[str, Any] | None
    fault: str = ""


def csv_header(lines: Lines) -> list[str] | None:
    """The names in the first line; None for an empty file."""
    try:
        return [cell.strip() for cell in next(csv.reader(lines, strict=True))]
    except StopIteration:
        return None
    except csv.Error as error:
        raise BadLine(f"This is no CSV: {error}.") from None


def csv_records(lines: Lines, header: Sequence[str]) -> Iterator[Record]:
    """The records after the header; an empty cell is None. Cells may be quoted and then hold line ends."""
    reader = csv.reader(lines, strict=True)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except BadLine as error:
            yield Record(line, None, str(error))
        except csv.Error as error:
            yield Record(line, None, f"This is no CSV: {error}.")
        else:
            if len(cells) == len(header):
                yield Record(line, {name: cell.strip() or None for name, cell in zip(header, cells, strict=True)})
            elif cells:
                yield Record(line, None, f"This line has {len(cells)} cells, and the header {len(header)}.")


def ndjson_records(lines: Lines) -> Iterator[Record]:
    """One JSON object a line; blank lines are passed over."""
    while True:
        try:
            text = next(lines)
            fields = body.parse(text.encode()) if text.strip() else {}
        except StopIteration:
            return
        except BadLine as error:
            yield Record(lines.number, None, str(error))
        except Malformed:
            yield Record(lines.number, None, "This line is not one JSON document.")
        else:
            if not isinstance(fields, dict):
                yield Record(lines.number, None, "This line is not a JSON object.")
            elif text.strip():
                yield Record(lines.number, fields)
