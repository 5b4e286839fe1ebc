"""Spans and points of time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import rich_click as click

from keystile.cli.durations import moment, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("45m", 2_700), ("12h", 43_200), (" 1d ", 86_400), ("2w", 1_209_600)],
)
def test_spans(text: str, seconds: int) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "1y", "d", "1 d", "٣d", "9999999999"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(click.BadParameter):
        span(text)


def test_a_moment_can_be_a_span_from_now() -> None:
    there = datetime.fromisoformat(moment("30d"))
    assert abs(there - datetime.now(UTC) - timedelta(days=30)) < timedelta(seconds=5)


def test_a_moment_is_shown_in_utc() -> None:
    assert moment("2030-01-31T01:00:00+01:00") == "2030-01-31T00:00:00Z"
    assert moment("Never") == "never"


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2030-01-31", "2030-01-31T00:00:00", "2030-13-01T00:00:00Z", "999999999w", "-1d"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(click.BadParameter):
        moment(text)


def test_the_last_moment_there_is_does_not_overflow() -> None:
    with pytest.raises(click.BadParameter):
        moment("9999-12-31T23:59:59-01:00")
