"""A key's usage as its page shows it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from msgspec import Struct

from keystile.console.charts import Chart, Counts, daily_bars, hourly_bars
from keystile.store.records import KeyUsage

DAYS = 30
_DAY = timedelta(hours=24)


class Figures(Struct, frozen=True):
    """The tiles and the charts."""

    usage: KeyUsage
    days: Chart
    hours: Chart


class LastDay(Struct, frozen=True):
    """Whether a key was used in the last 24 hours, and how many requests of them are known."""

    used: bool
    requests: int


def figures(usage: KeyUsage) -> Figures:
    """Draw what is known of a key's use."""
    days = [
        _counts(day.date, day.requests, day.client_errors, day.server_errors, day.rate_limited) for day in usage.daily
    ]
    hours = [_counts(hour.hour, hour.requests, hour.client_errors, hour.server_errors) for hour in usage.hourly]
    return Figures(usage, daily_bars(days), hourly_bars(hours))


def last_day(usage: KeyUsage, now: datetime) -> LastDay:
    """The last 24 hours before `now`, to the hour."""
    requests = sum(hour.requests for hour in usage.hourly if hour.hour > now - _DAY)
    used = usage.last_used_at is not None and now - usage.last_used_at < _DAY
    return LastDay(used or requests > 0, requests)


def _counts(
    at: date | datetime, requests: int, client_errors: int, server_errors: int, rate_limited: int | None = None
) -> Counts:
    """Each request in one part. Errors that were reported from outside may come before their requests do."""
    server = min(server_errors, requests)
    client = min(client_errors, requests - server)
    limited = None if rate_limited is None else min(rate_limited, client)
    return Counts(at, requests - server - client, client - (limited or 0), limited, server)
