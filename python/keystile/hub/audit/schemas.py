"""Answers of the audit call."""

from __future__ import annotations

from msgspec import Struct

from keystile.store.records import AuditRow


class AuditPage(Struct, frozen=True):
    """Some of the trail, newest first, and the cursor for more; null at the end."""

    items: list[AuditRow]
    next_cursor: str | None
