"""Answers of the usage calls."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class UsageLine(Struct, frozen=True, kw_only=True):
    """One key's headline figures; `error_rate` is a percentage of requests, null without any."""

    key_id: str
    name: str
    start: str
    last4: str
    tier: str
    status: str
    last_used_at: datetime | None
    total_requests: int
    requests_30d: int
    error_rate: float | None


class UsageList(Struct, frozen=True):
    """All keys of the tenant, in one answer; there is never a next page."""

    items: list[UsageLine]
    next_cursor: None = None
