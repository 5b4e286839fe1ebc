"""Bar charts as SVG, drawn by hand: text, bars, nothing that needs a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _LABELS, _VALUES = 760, 300, 90
_ROW, _BAR, _TOP = 26, 16, 46
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .note { font-size: 11px; fill: #6e7781; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #8b949e; } .bar { fill: #6e7681; } .ours { fill: #58a6ff; }
  }
"""


class Bar(NamedTuple):
    """One bar."""

    label: str
    value: float
    text: str
    ours: bool


def bar_chart(title: str, note: str, bars: Sequence[Bar], *, logarithmic: bool = False) -> str:
    """A chart with one line for each bar; `logarithmic` where they differ by orders of magnitude."""
    height = _TOP + _ROW * len(bars) + 12
    longest = max(bar.value for bar in bars)
    shortest = min(bar.value for bar in bars)
    room = _WIDTH - _LABELS - _VALUES

    def length(value: float) -> float:
        if not logarithmic:
            return room * value / longest
        # From a tenth of the shortest, so that every bar can be seen.
        return room * math.log10(10 * value / shortest) / math.log10(10 * longest / shortest)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="16">{escape(title)}</text>',
        f'<text class="note" x="0" y="34">{escape(note)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _line(bar, _TOP + _ROW * number, length(bar.value))
    return "\n".join([*lines, "</svg>", ""])


def _line(bar: Bar, y: int, length: float) -> list[str]:
    middle, kind = y + 13, "ours" if bar.ours else "bar"
    return [
        f'<text x="{_LABELS - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
        f'<text x="{_LABELS + length + 6:.1f}" y="{middle}">{escape(bar.text)}</text>',
    ]
