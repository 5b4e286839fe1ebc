"""What commands print: data on stdout, everything else on stderr, nothing that drives the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keystile.safe_text import escape, is_unsafe, safe

_PIPE_COLUMNS = 1_000_000


def print_json(document: object) -> None:
    """One JSON document on stdout, with the same characters escaped as in tables."""
    text = json.dumps(document, ensure_ascii=not _speaks_unicode(), indent=2)
    click.echo("".join(escape(char) if char != "\n" and is_unsafe(char) else char for char in text))


def print_json_line(document: object) -> None:
    """One of many JSON documents on stdout, each on a line of its own, escaped in the same way."""
    click.echo(safe(json.dumps(document, ensure_ascii=not _speaks_unicode())))


def print_line(text: str) -> None:
    """A line of text on stdout, for what comes one at a time."""
    click.echo(safe(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; into a pipe its lines are never cut or wrapped. None shows as "-"."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    _console().print(table)


def print_record(pairs: Iterable[tuple[str, object]]) -> None:
    """One thing on stdout, a line for each of its fields."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold", no_wrap=not sys.stdout.isatty())
    for name, value in pairs:
        table.add_row(name, Text(_cell(value)))
    _console().print(table)


def print_csv(pieces: Iterable[str]) -> None:
    """Comma-separated values on stdout: a file gets them as they are, a terminal nothing that could drive it."""
    for piece in pieces:
        shown = piece if not sys.stdout.isatty() else "".join(f"{safe(line)}\n" for line in piece.splitlines())
        click.echo(shown, nl=False)


def note(message: str) -> None:
    """A remark for the person at the terminal, on stderr."""
    click.echo(message, err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    return safe(value)


def _console() -> Console:
    # Rich assumes 80 columns where there is no terminal, which would fold ids that a script reads.
    return Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else _PIPE_COLUMNS,
        highlight=False,
        soft_wrap=False,
    )


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")
