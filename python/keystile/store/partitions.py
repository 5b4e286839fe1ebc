"""The partitions of the usage tables: made before they are needed, dropped when what they hold is old enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import asyncpg
from msgspec import Struct

from keystile.settings import Settings
from keystile.store.pool import Connection
from keystile.store.sql import sql

_LOCK_TIMEOUT_MS = 200
"""How long dropping may hold up those who come after it; it is tried again later."""

_SPANS = {"usage_hourly": "1 day", "usage_daily": "1 month", "usage_outcomes": "1 day"}


class Retention(Struct, frozen=True, kw_only=True):
    """How many UTC dates of usage are kept, today included."""

    hourly_days: int = 8
    daily_days: int = 400
    outcome_days: int = 2

    def first_days(self, today: date) -> dict[str, date]:
        """The first date that each table must still hold. Of outcomes one more: a window in hours spans it."""
        return {
            "usage_hourly": today - timedelta(days=self.hourly_days - 1),
            "usage_daily": today - timedelta(days=self.daily_days - 1),
            "usage_outcomes": today - timedelta(days=self.outcome_days),
        }


DEFAULT_RETENTION = Retention()


def retention_of(settings: Settings) -> Retention:
    """What the settings say."""
    return Retention(
        hourly_days=settings.usage_hourly_days,
        daily_days=settings.usage_daily_days,
        outcome_days=settings.outcome_dedupe_days,
    )


async def make_room(conn: Connection, days: Iterable[date], retention: Retention = DEFAULT_RETENTION) -> None:
    """Partitions for today, tomorrow and those of `days` that are kept at all; cheap where they are there already."""
    await conn.execute(sql("usage_make_room"), sorted(set(days)), retention.hourly_days, retention.daily_days)


async def drop_old(conn: Connection, retention: Retention) -> list[str]:
    """Drop what is older than `retention` by this machine's clock and by the database's; the names of what went.

    Of two clocks the one that is behind decides: one that leaps ahead for a moment must not cost a year of figures.
    A partition that somebody reads is left for the next time: whoever waits for its lock holds up every flush.
    """
    first_days = retention.first_days(min(datetime.now(UTC).date(), await conn.fetchval(sql("utc_today"))))
    dropped: list[str] = []
    for parent, first_day in first_days.items():
        for record in await conn.fetch(sql("usage_old_partitions"), parent, _SPANS[parent], first_day):
            if not await _drop(conn, record["name"]):
                break
            dropped.append(record["name"])
    return dropped


async def _drop(conn: Connection, name: str) -> bool:
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_MS}ms'")
            # The name is one that the query above found to be a partition's. Another agent may have been faster.
            await conn.execute(f'DROP TABLE IF EXISTS "{name}"')
    except asyncpg.LockNotAvailableError:
        return False
    return True
