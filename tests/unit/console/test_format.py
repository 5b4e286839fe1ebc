"""How times, numbers and other people's text are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.console.format import NOTHING, ago, as_typed, day, moment, number, percent, short_number, shown, visible
from keystile.safe_text import is_unsafe

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(0), "just now"),
        (-timedelta(seconds=59), "just now"),
        (-timedelta(seconds=60), "1 minute ago"),
        (-timedelta(hours=23, minutes=59), "23 hours ago"),
        (-timedelta(days=29), "29 days ago"),
        (-timedelta(days=30), "1 month ago"),
        (-timedelta(days=800), "2 years ago"),
        (timedelta(seconds=1), "in less than a minute"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(days=90), "in 3 months"),
    ],
)
def test_a_distance_in_words(distance: timedelta, words: str) -> None:
    assert f">{words}</time>" in ago(NOW + distance, NOW)


def test_a_time_has_the_exact_one_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert 'datetime="2026-11-23T14:30:00Z" title="2026-11-23 14:30:00 UTC"' in ago(elsewhere, NOW)
    assert ">23 Nov 2026, 14:30 UTC</time>" in moment(elsewhere)
    assert "Never" in ago(None)
    assert day(NOW) == "23 Nov 2026"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, NOTHING), (0, "0%"), (0.001, "<0.01%"), (14.29, "14.29%"), (5, "5%"), (99.999, ">99.99%"), (100, "100%")],
)
def test_a_percentage(value: float | None, text: str) -> None:
    assert percent(value) == text


def test_numbers() -> None:
    assert (number(1234567), number(None)) == ("1,234,567", NOTHING)
    values = (0, 999, 1000, 1250, 99_900, 100_000, 2_000_000, 10**12)
    assert [short_number(value) for value in values] == ["0", "999", "1k", "1.2k", "99.9k", "100k", "2M", "1000G"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\t")))
def test_nothing_that_hides_or_reorders_is_ever_put_out(text: str) -> None:
    assert not any(map(is_unsafe, str(visible(text))))
    assert not any(map(is_unsafe, shown(text)))


@pytest.mark.parametrize("text", ["<b>", "\u202e", "\x1b[31m", "\x9b", "\u2066", "\x00", "\u200b"])
def test_hostile_text_is_shown_as_text(text: str) -> None:
    assert text not in shown(text)
    assert "<b>" not in as_typed(text)
    assert visible("a\nb\tc") == "a\nb\tc"
