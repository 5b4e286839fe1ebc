"""Plausible usage for sample keys: busy by day, quiet at night and at weekends. The same every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

DAYS = 30
_HOURS_KEPT = 72
_BY_HOUR = (2, 1, 1, 1, 2, 3, 6, 12, 22, 28, 30, 29, 24, 27, 30, 29, 26, 20, 13, 9, 7, 5, 4, 3)
_WEEKEND_SHARE = 0.3


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """How a key is used: requests per working day, and percentages of them that fail or are limited."""

    seed: str
    per_day: int
    errors: float
    limited: float = 0.0
    begin: datetime
    end: datetime | None


class Count(msgspec.Struct, kw_only=True):
    """What happened in one hour or on one date."""

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    rate_limited: int = 0
    refused: int = 0

    def add(self, other: Count) -> None:
        """Take the other's figures in."""
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(other, field))


class History(msgspec.Struct, kw_only=True):
    """A key's usage by date and, for the latest hours, by hour."""

    daily: dict[date, Count]
    hourly: dict[datetime, Count]
    last_used_at: datetime | None


def history(habit: Habit, now: datetime) -> History:
    """The usage of the 30 dates up to `now`."""
    dice = random.Random(habit.seed)  # noqa: S311 - sample data, the same every time
    made = History(daily={}, hourly={}, last_used_at=None)
    for hour in _hours(now):
        count = _count(habit, hour, dice)
        if hour + timedelta(hours=1) <= habit.begin or count.requests == 0:
            continue
        made.daily.setdefault(hour.date(), Count()).add(count)
        if now - hour < timedelta(hours=_HOURS_KEPT):
            made.hourly[hour] = count
        made.last_used_at = min(now, hour + timedelta(seconds=dice.randrange(3600)))
    return made


def _hours(now: datetime) -> Iterator[datetime]:
    first = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=DAYS - 1)
    hour = first
    while hour <= now:
        yield hour
        hour += timedelta(hours=1)


def _count(habit: Habit, hour: datetime, dice: random.Random) -> Count:
    share = _BY_HOUR[hour.hour] / sum(_BY_HOUR) * (_WEEKEND_SHARE if hour.weekday() >= 5 else 1.0)
    requests = round(habit.per_day * share * dice.uniform(0.7, 1.3))
    if habit.end is not None and hour >= habit.end:
        # A program that nobody told of its dead key goes on trying, less and less.
        requests //= 8
        return Count(requests=requests, client_errors=requests, refused=requests)
    limited = _part(requests, habit.limited, dice)
    failed = _part(requests - limited, habit.errors, dice)
    server = _part(failed, 30.0, dice)
    return Count(requests=requests, client_errors=limited + failed - server, server_errors=server, rate_limited=limited)


def _part(whole: int, percent: float, dice: random.Random) -> int:
    """About that share of a number, rounded by lot so that small shares do show up now and then."""
    return min(whole, int(whole * percent / 100 * dice.uniform(0.4, 1.6) + dice.random()))
