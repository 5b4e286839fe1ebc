"""Answers of the advice call, and what advice consists of."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from keystile.store.advice import COUNTED, Advice

__all__ = ["COUNTED", "Advice", "AdvicePage", "Kind"]

Kind = Literal["old_secret", "no_expiry", "unused", "unused_scopes", "sudden_change"]


class AdvicePage(Struct, frozen=True):
    """Some of the advice, that about older keys first, and the cursor for more; null at the end."""

    items: list[Advice]
    next_cursor: str | None
