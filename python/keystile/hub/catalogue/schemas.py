"""Answers of the catalogue calls."""

from __future__ import annotations

from msgspec import Struct

from keystile.store.records import ScopeRow, TierRow


class ScopeList(Struct, frozen=True):
    """Every scope, in the catalogue's order; there is never a next page."""

    items: list[ScopeRow]
    next_cursor: None = None


class TierList(Struct, frozen=True):
    """Every tier, in the catalogue's order: `rate` in requests per minute, `burst` in requests."""

    items: list[TierRow]
    next_cursor: None = None


class CatalogueUse(Struct, frozen=True, kw_only=True):
    """How many keys there are for each scope and each tier by name; one that is absent has none."""

    scopes: dict[str, int]
    tiers: dict[str, int]
