"""The figures of a run as one table."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.figures import Figure

_HEADINGS = ("group", "figure", "value", "target", "")


def as_markdown(figures: Iterable[Figure]) -> str:
    """A table for a document."""
    rows = [_HEADINGS, ("---", "---", "---:", "---:", "---"), *(_cells(figure) for figure in figures)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)


def as_text(figures: Iterable[Figure]) -> str:
    """The same for a terminal."""
    rows = [_HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    group, title, value, target, mark = (
        cell.rjust(width) if column in {2, 3} else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"{group}  {title}  {value}  {target}  {mark}".rstrip() + "\n"


def _cells(figure: Figure) -> tuple[str, ...]:
    target = "" if figure.target is None else f"{figure.bound} {_number(figure.target)}"
    mark = {None: "", True: "reached", False: "not reached"}[figure.reached]
    return figure.group, figure.title, scaled(figure), target, mark


def scaled(figure: Figure) -> str:
    """The value in the unit in which it is read most easily."""
    value, unit = figure.value, figure.unit
    for larger in ("µs", "ms", "s") if unit == "ns" else ():
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three digits that matter, and no more."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
