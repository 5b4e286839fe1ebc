"""Charts: what they show is right, told in words, and can be told apart by everybody."""

from __future__ import annotations

import itertools
import math
import re
from datetime import UTC, date, datetime, timedelta
from operator import mul
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.console.assets import ASSETS
from keystile.console.charts import Chart, Counts, axis_top, daily_bars, hourly_bars, sparkline

DAY = date(2026, 11, 1)
_counts = st.integers(0, 10**12)


def _bars(chart: Chart) -> list[list[tuple[str, float, float]]]:
    """Class, top and height of the parts of each bar."""
    groups = [group for group in ET.fromstring(chart.plot) if group.tag == "g"]
    return [
        [(part.get("class", ""), float(part.get("y", "")), float(part.get("height", ""))) for part in group[2:]]
        for group in groups
    ]


def test_parts_stand_on_each_other_in_proportion() -> None:
    (bar,) = _bars(daily_bars([Counts(DAY, 50, 25, 15, 10)]))
    assert [css for css, _, _ in bar] == ["bar-ok", "bar-client", "bar-limited", "bar-server"]
    heights = [height for _, _, height in bar]
    assert heights == pytest.approx([heights[0] * share for share in (1, 0.5, 0.3, 0.2)], abs=0.02)
    for (_, below, _), (_, top, height) in itertools.pairwise(bar):
        assert top + height == pytest.approx(below, abs=0.02)


def test_one_error_among_millions_is_seen() -> None:
    (bar,) = _bars(daily_bars([Counts(DAY, 5_000_000, 0, 0, 1)]))
    assert bar[-1][0] == "bar-server"
    assert bar[-1][2] >= 1


def test_the_table_has_what_the_bars_show() -> None:
    chart = daily_bars([Counts(DAY, 1200, 3, 0, 1), Counts(DAY + timedelta(days=1), 0, 0, 0, 0)])
    assert chart.columns == ("Day", "Requests", "OK", "Client errors", "Rate limited", "Server errors")
    assert chart.rows[0] == ("1 Nov 2026", "1,204", "1,200", "3", "0", "1")
    assert chart.summary == "1,204 requests, 1 Nov 2026 to 2 Nov 2026"
    assert "1 Nov 2026: 1,200 OK, 3 Client errors, 1 Server errors" in chart.plot
    assert "2 Nov 2026: no requests" in chart.plot


def test_hours_are_in_utc_and_midnight_shows_the_day() -> None:
    start = datetime(2026, 11, 22, 15, tzinfo=UTC)
    chart = hourly_bars([Counts(start + timedelta(hours=index), 1, 0, 0, 0) for index in range(48)])
    assert chart.rows[0][0] == "22 Nov 2026, 15:00"
    assert [node.text for node in ET.fromstring(chart.plot).iter("text")] == ["23 Nov", "12:00", "24 Nov", "12:00"]


@given(st.lists(st.tuples(_counts, _counts, _counts, _counts), max_size=40))
def test_any_figures_are_drawn_as_well_formed_svg_within_the_axis(rows: list[tuple[int, int, int, int]]) -> None:
    chart = daily_bars([Counts(DAY + timedelta(days=index), *row) for index, row in enumerate(rows)])
    assert len(_bars(chart)) == len(chart.rows) == len(rows)
    assert all(top >= 8 - 3 for bar in _bars(chart) for _, top, _ in bar)
    assert "style=" not in chart.plot + chart.axis
    ET.fromstring(chart.axis)


@given(st.integers(0, 10**15))
def test_an_axis_ends_at_a_round_number_of_parts(most: int) -> None:
    top = axis_top(most)
    assert most <= top <= max(4, 2 * most)
    assert top % 4 == 0


@given(st.lists(_counts, max_size=40))
def test_a_sparkline_is_well_formed_and_told_in_words(values: list[int]) -> None:
    svg = ET.fromstring(sparkline(values))
    assert svg[0].tag == "title"
    assert (
        svg[0].text
        == svg.get("aria-label")
        == (f"{sum(values):,} requests in {len(values)} days, at most {max(values, default=0):,} a day")
    )


# Colours: as people with each kind of colour blindness see them (Machado, Oliveira and Fernandes, 2009).

_SIGHTS = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
# Colours below about 0.1 apart (Oklab) are hard to tell in small areas; 0.02 is where a difference is just seen.
_APART = 0.1


def _linear(colour: str) -> list[float]:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _oklab(linear: list[float]) -> tuple[float, float, float]:
    red, green, blue = (min(max(part, 0.0), 1.0) for part in linear)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )


def _themes() -> dict[str, dict[str, str]]:
    sheet = ASSETS["console.css"].body.decode()
    found = re.findall(r"--(chart-\w+|raised): light-dark\((#\w{6}), (#\w{6})\)", sheet)
    return {
        "light": {name: light for name, light, _ in found},
        "dark": {name: dark for name, _, dark in found},
    }


@pytest.mark.parametrize("sight", _SIGHTS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_parts_of_a_bar_can_be_told_apart(theme: str, sight: str) -> None:
    seen = {
        name: _oklab([sum(map(mul, row, _linear(colour))) for row in _SIGHTS[sight]])
        for name, colour in _themes()[theme].items()
    }
    assert len(seen) == 5
    apart = {pair: math.dist(seen[pair[0]], seen[pair[1]]) for pair in itertools.combinations(seen, 2)}
    assert min(apart.values()) >= _APART, sorted(apart.items(), key=lambda item: item[1])[:3]
