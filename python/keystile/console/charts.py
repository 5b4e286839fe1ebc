"""Charts as SVG, drawn here: pure functions of plain sequences.

Colours and fonts come from the style sheet by class; there are no `style` attributes, which the policy forbids. Widths
are percentages and heights pixels, so text keeps its size on every screen. What a chart shows is in its table too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from markupsafe import Markup
from msgspec import Struct

from .format import day, number, short_number

SERIES = (
    ("ok", "OK"),
    ("client", "Client errors"),
    ("limited", "Rate limited"),
    ("server", "Server errors"),
)
"""Class and name of the parts of a bar, from the bottom up."""

_LIMITS_UNTOLD = (("ok", "OK"), ("client", "Client errors and rate limited"), ("server", "Server errors"))

HEIGHT_PX = 160
_TOP_PX, _BOTTOM_PX = 8, 22
_PLOT_PX = HEIGHT_PX - _TOP_PX - _BOTTOM_PX
_LINES = 4  # parts of the axis
_GAP = 0.22  # of a bar's place
_TICKS = {0: "{}", 12: "12:00"}  # by hours of the day; midnight shows the day

_SPARK_WIDTH, _SPARK_HEIGHT = 96, 24


class Counts(NamedTuple):
    """The requests of one day or hour, each in exactly one of the four."""

    at: date | datetime
    ok: int
    client_errors: int
    rate_limited: int | None
    """None where these are not told from the other client errors; then they are among those."""
    server_errors: int

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """As `SERIES` names them."""
        return self.ok, self.client_errors, self.rate_limited or 0, self.server_errors

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.parts)


class Chart(Struct, frozen=True):
    """A chart for `parts/chart.html`: the drawing, its axis, and the same as a table."""

    axis: Markup
    plot: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    summary: str
    legend: tuple[tuple[str, str], ...]
    """Class and name of the parts that its bars may have."""


def sparkline(values: Sequence[int], what: str = "requests") -> Markup:
    """One line for a table's row, oldest first; what it shows is told in words too."""
    count = len(values)
    most = max(values, default=0)
    text = f"{number(sum(values))} {what} in {count} days, at most {number(most)} a day"
    if most == 0:
        return _spark(text, Markup('<path class="spark-none" d="M0 {0}H{1}"/>').format(_SPARK_HEIGHT - 1, _SPARK_WIDTH))
    step = _SPARK_WIDTH / max(count - 1, 1)
    points = " ".join(f"{index * step:.1f},{_spark_y(value, most):.1f}" for index, value in enumerate(values))
    if count == 1:
        points += f" {_SPARK_WIDTH},{_spark_y(values[0], most):.1f}"
    area = Markup('<polygon class="spark-area" points="0,{1} {0} {2},{1}"/>').format(
        points, _SPARK_HEIGHT, _SPARK_WIDTH
    )
    return _spark(text, area + Markup('<polyline class="spark-line" points="{}"/>').format(points))


def daily_bars(days: Sequence[Counts]) -> Chart:
    """One bar a day, oldest first."""
    names = [day(counts.at) for counts in days]
    ticks = [_short_day(counts.at) if (len(days) - 1 - index) % 7 == 0 else "" for index, counts in enumerate(days)]
    return _bars(days, names, "Day", ticks)


def hourly_bars(hours: Sequence[Counts]) -> Chart:
    """One bar an hour, oldest first; times are in UTC."""
    moments = [_utc(counts.at) for counts in hours]
    names = [f"{day(at)}, {at:%H:%M}" for at in moments]
    return _bars(hours, names, "Hour (UTC)", [_TICKS.get(at.hour, "").format(_short_day(at)) for at in moments])


def axis_top(most: int) -> int:
    """The round number at the top of an axis: not below `most`, and a multiple of the axis's parts."""
    size = 1
    while True:
        for head in (4, 8, 12, 20, 32):
            if head * size >= most:
                return head * size
        size *= 10


def _bars(counts: Sequence[Counts], names: Sequence[str], unit: str, ticks: Sequence[str]) -> Chart:
    legend = SERIES if all(entry.rate_limited is not None for entry in counts) else _LIMITS_UNTOLD
    top = axis_top(max((entry.total for entry in counts), default=0))
    total = sum(entry.total for entry in counts)
    summary = f"{number(total)} requests" + (f", {names[0]} to {names[-1]}" if names else "")
    drawing = Markup("").join(
        (
            *_grid(),
            *(
                _bar(index, len(counts), entry, _words(entry, names[index], legend), top)
                for index, entry in enumerate(counts)
            ),
            *_ticks(ticks),
        )
    )
    plot = Markup('<svg class="chart-plot" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        HEIGHT_PX, f"Bar chart: {summary}. The table below has the figures.", drawing
    )
    told = [index for index, (css, _) in enumerate(SERIES) if css in dict(legend)]
    rows = tuple(
        (name, *map(number, (entry.total, *(entry.parts[index] for index in told))))
        for name, entry in zip(names, counts, strict=True)
    )
    return Chart(_axis(top), plot, (unit, "Requests", *(name for _, name in legend)), rows, summary, legend)


def _bar(index: int, count: int, entry: Counts, words: str, top: int) -> Markup:
    """The parts on top of each other, and over all of the height something to point at."""
    place = 100 / count
    x, width = f"{index * place + place * _GAP / 2:.3f}%", f"{place * (1 - _GAP):.3f}%"
    pieces, height, below = [], 0.0, float(_TOP_PX + _PLOT_PX)
    for value, (css, _) in zip(entry.parts, SERIES, strict=True):
        if value:
            height = max(value / top * _PLOT_PX, 1.0)  # one error among millions is seen too
            below -= height
            pieces.append(_rect(f"bar-{css}", x, below, width, height))
    title = Markup("<title>{}</title>").format(words)
    cover = _rect("bar-cover", f"{index * place:.3f}%", _TOP_PX, f"{place:.3f}%", _PLOT_PX)
    return Markup('<g class="bar">{}{}{}</g>').format(title, cover, Markup("").join(pieces))


def _words(entry: Counts, name: str, legend: Sequence[tuple[str, str]]) -> str:
    labels = dict(legend)
    parts = (f"{number(value)} {labels[css]}" for value, (css, _) in zip(entry.parts, SERIES, strict=True) if value)
    return f"{name}: {', '.join(parts) or 'no requests'}"


def _rect(css: str, x: str, y: float, width: str, height: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{:.2f}" width="{}" height="{:.2f}"/>').format(css, x, y, width, height)


def _grid() -> Iterator[Markup]:
    for line in range(_LINES + 1):
        yield Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_line_y(line))


def _ticks(ticks: Sequence[str]) -> Iterator[Markup]:
    """A name under each bar that has one."""
    for index, text in enumerate(ticks):
        if text:
            x = f"{(index + 0.5) * 100 / len(ticks):.3f}%"
            yield Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, HEIGHT_PX - 6, text)


def _axis(top: int) -> Markup:
    labels = Markup("").join(
        Markup('<text class="tick tick-axis" x="100%" y="{}">{}</text>').format(
            _line_y(line) + 4, short_number(top * line // _LINES)
        )
        for line in range(_LINES + 1)
    )
    return Markup('<svg class="chart-axis" width="36" height="{}" aria-hidden="true">{}</svg>').format(
        HEIGHT_PX, labels
    )


def _line_y(line: int) -> float:
    return _TOP_PX + _PLOT_PX * (1 - line / _LINES)


def _spark(text: str, drawing: Markup) -> Markup:
    return Markup(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">'
        "<title>{2}</title>{3}</svg>"
    ).format(_SPARK_WIDTH, _SPARK_HEIGHT, text, drawing)


def _spark_y(value: int, most: int) -> float:
    return _SPARK_HEIGHT - 1.5 - value / most * (_SPARK_HEIGHT - 3)


def _short_day(at: date) -> str:
    return f"{at.day} {at:%b}"


def _utc(at: date | datetime) -> datetime:
    return at.astimezone(UTC) if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)
