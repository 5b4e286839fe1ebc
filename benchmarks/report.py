"""The end of `make bench`: one table of all figures, and with `--write` the page and the plots in docs/benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.criterion import read_criterion
from benchmarks.figures import FULL, RATIO, Figure, figures_file, read
from benchmarks.machine import describe
from benchmarks.plots import Bar, bar_chart
from benchmarks.table import as_markdown, as_text, scaled

FOLDER = Path("docs/benchmarks")
OURS = ("gate.check", "Litestar with Keystile", "/v1/authz")
TITLES = {
    "time of a check": ("check.svg", "Time of one check", "one key unless said; shorter is better; logarithmic"),
    "time by outcome": ("outcomes.svg", "Time of one check by outcome", "one key; shorter is better"),
    "requests a second": ("requests.svg", "Requests a second", "uvicorn, one worker, 16 connections; longer is better"),
}


def main() -> None:
    """Print the table; write page and plots where asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    arguments = parser.parse_args()
    figures = in_order([*read(figures_file()), *read_criterion()])
    print(as_text(figures), end="")
    if arguments.write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        plots = list(write_plots(figures))
        (FOLDER / "README.md").write_text(page(figures, plots))
        print(f"Written: {FOLDER}")


def in_order(figures: Sequence[Figure]) -> list[Figure]:
    """Groups together, in the order of their first figures; ratios before what belongs to this machine alone."""
    groups = list(dict.fromkeys(figure.group for figure in figures))
    return sorted(figures, key=lambda figure: (figure.group.startswith("time "), groups.index(figure.group)))


def write_plots(figures: Iterable[Figure]) -> Iterable[tuple[str, str]]:
    """Draw each plot; its file name and title."""
    for group, (file, title, note) in TITLES.items():
        found = [figure for figure in figures if figure.group == group and figure.unit != RATIO]
        if not found:
            continue
        bars = [
            Bar(figure.title, figure.value, scaled(figure), is_ours(figure))
            for figure in sorted(found, key=lambda figure: figure.value)
        ]
        (FOLDER / file).write_text(bar_chart(title, note, bars, logarithmic=group == "time of a check"))
        yield file, title


def is_ours(figure: Figure) -> bool:
    """Whether a bar stands for Keystile."""
    return figure.group == "time by outcome" or figure.title.startswith(OURS)


def page(figures: Sequence[Figure], plots: Iterable[tuple[str, str]]) -> str:
    """The document."""
    missed = [figure for figure in figures if figure.reached is False]
    form = " FULL=1" if FULL else ""
    parts = [
        "# Benchmarks\n",
        f"Written by `make bench{form} REPORT=1`. Carry the ratios to your machine, not the times:\n"
        "in each ratio both sides were measured in the same run, in rounds that took turns, and the figure is the\n"
        "median over the rounds. `keystile bench` measures the most important ones on yours.\n",
        "".join(f"- {name}: {value}\n" for name, value in describe()),
        *(f"![{title}]({file})\n" for file, title in plots),
        as_markdown(figures),
        "## Not reached\n" if missed else "Every target is reached.\n",
        "".join(f"- {figure.group}: {figure.title}\n" for figure in missed),
        NOTES,
    ]
    return "\n".join(part for part in parts if part)


NOTES = """## What is measured

- **check**: `Gate.check` called from Python with one key that is always admitted. The baselines do the same work with
  what Python has: checksum, digest with `hashlib` and `hmac`, constant-time comparison, a limiter, the scope. `limits`
  is used with its cheapest strategy, `throttled-py` with its token bucket, both in memory; Valkey with a token bucket
  in Lua, one `EVALSHA` a check over a Unix socket. `keyshield` checks no limit; its deliberate delay of 0.1 to 0.3 s a
  check is switched off.
- **10⁴ and 10⁶ keys**: each key once, in random order, beside the same hash of the same keys in the same order.
- **requests a second**: the same server for both sides (uvicorn, uvloop, httptools, one worker) on one processor, the
  load generator on another. *Processor time a request* is the server's own: other programs of the machine are not in
  it.
- **scaling**: two processes attached to one segment, each rate by its own processor time, beside each of them alone.
- **memory**: blocks that the segment takes; growth is private memory plus blocks.
- **constant time**: the largest |t| of Welch's t-test on two classes of input (dudect). Below 5 shows no difference;
  the control must be caught.
- **core**: the same without Python, by criterion; `governor` is the usual limiter in Rust.
"""


if __name__ == "__main__":
    main()
