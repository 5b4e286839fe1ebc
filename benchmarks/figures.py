"""The figures of a run: what the table and the plots are made from, and the targets beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

DEFAULT_FILE = Path(".benchmarks/figures.jsonl")
FULL = os.environ.get("FULL", "") not in {"", "0"}
"""Whether this is the long form: more keys, more rounds."""

QUICK = os.environ.get("QUICK", "") not in {"", "0"} and not FULL
"""Whether this is the short form, which shows that everything runs and whose figures are rough."""

RATIO = "×"  # noqa: RUF001 - the sign of multiplication is meant
"""The unit of a ratio."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one run."""

    group: str
    title: str
    value: float
    unit: str = RATIO
    bound: Literal["≤", "≥"] = "≤"
    target: float | None = None
    note: str | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.bound == "≤" else self.value >= self.target


def sized(quick: int, usual: int, full: int) -> int:
    """How many, in the form of this run."""
    return full if FULL else quick if QUICK else usual


def power_of_ten(number: int) -> str:
    """A power of ten as people write it: 10⁵."""
    return "10" + str(len(str(number)) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def figures_file() -> Path:
    """Where this run's figures are kept: KEYSTILE_FIGURES, else a place that git ignores."""
    return Path(os.environ.get("KEYSTILE_FIGURES", DEFAULT_FILE))


def read(file: Path) -> list[Figure]:
    """All figures in a file; a later one of the same name replaces an earlier one."""
    decoder = msgspec.json.Decoder(Figure)
    found = (decoder.decode(line) for line in file.read_bytes().splitlines() if line)
    return list({(figure.group, figure.title): figure for figure in found}.values())


def record(figure: Figure) -> None:
    """Add one figure to this run's."""
    file = figures_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(msgspec.json.encode(figure) + b"\n")


def ratio(group: str, title: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
    """Record a ratio, with the target that it is held against."""
    bound: Literal["≤", "≥"] = "≤" if at_least is None else "≥"
    record(Figure(group=group, title=title, value=value, bound=bound, target=at_most if at_least is None else at_least))


def amount(group: str, title: str, value: float, unit: str, *, at_most: float | None = None) -> None:
    """Record an amount in a unit: a figure of this machine, not to be carried to another."""
    record(Figure(group=group, title=title, value=value, unit=unit, target=at_most))
