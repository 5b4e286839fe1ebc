"""Pieces of Markdown: the only place that knows how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Made by `make reference` from the code. Change it there. -->"


def page(title: str, introduction: str, parts: Iterable[str]) -> str:
    """A whole page of parts, with one empty line between them."""
    return "\n\n".join(part for part in (GENERATED, f"# {title}", introduction, *parts) if part) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; nothing when there are no rows."""
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]) if lines else ""


def block(language: str, text: str) -> str:
    """Code on lines of its own."""
    return f"```{language}\n{text}\n```"


def code(text: object) -> str:
    """Code within a line."""
    return f"`{text}`"


def _cell(text: str) -> str:
    """A cell is one line, and a bar would end it, even within code."""
    return " ".join(text.split()).replace("|", "\\|")
