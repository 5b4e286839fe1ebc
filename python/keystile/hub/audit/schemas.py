"""What is asked of the audit trail, and its answers."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from keystile.store.records import AuditRow


class Wanted(Struct, frozen=True, kw_only=True):
    """Which rows of the trail: from `since` on and before `until`; None asks for nothing."""

    actor: str | None = None
    target: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditPage(Struct, frozen=True):
    """Some of the trail, newest first, and the cursor for more; null at the end."""

    items: list[AuditRow]
    next_cursor: str | None
