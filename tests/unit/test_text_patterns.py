"""What the document says of texts is what is taken."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.hub import text
from keystile.hub.errors import Faults, Invalid

LONGEST = 5
TEXTS = st.text(
    st.one_of(st.sampled_from("x \t\n\v\x1f\x00\x7f\x85\xa0\u2028\ufeff"), st.characters(codec="utf-8")), max_size=9
)
Taken = Callable[[Faults, str], object]


def fits(pattern: str, value: str) -> bool:
    """As JSON Schema has it: Python's own `$` would overlook a line end."""
    return re.search(pattern.removesuffix("$") + r"\Z", value) is not None


def line(faults: Faults, value: str) -> object:
    return text.line(faults, "field", value, longest=LONGEST)


def paragraph(faults: Faults, value: str) -> object:
    return text.paragraph(faults, "field", value, longest=LONGEST)


@pytest.mark.parametrize(
    ("take", "pattern"), [(line, text.line_pattern(LONGEST)), (paragraph, text.paragraph_pattern(LONGEST))]
)
@given(value=TEXTS)
def test_a_pattern_says_what_is_taken(take: Taken, pattern: str, value: str) -> None:
    faults = Faults()
    take(faults, value)
    try:
        faults.check()
    except Invalid:
        assert not fits(pattern, value)
    else:
        assert fits(pattern, value)


@given(value=TEXTS)
def test_no_controls(value: str) -> None:
    assert fits(text.NO_CONTROLS, value) != text.has_controls(value)
