"""No escalation: what a caller may give, and which keys it may manage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from keystile.hub.auth import Caller
from keystile.hub.errors import Escalation
from keystile.store.records import KeyRow, TierRow

Tiers = Mapping[str, TierRow]


def check_grant(caller: Caller, tiers: Tiers, *, scopes: Sequence[str], tier: str, expires_at: datetime | None) -> None:
    """Raise Escalation unless the caller itself holds every scope, lives as long, and is as fast."""
    if not set(scopes) <= set(caller.key.scopes):
        raise Escalation("A key can only give scopes that it holds itself.")
    own, asked = tiers.get(caller.key.tier), tiers.get(tier)
    if own is None or asked is None or asked.rate > own.rate or asked.burst > own.burst:
        raise Escalation("A key can only give tiers up to its own.")
    end = caller.key.expires_at
    if end is not None and (expires_at is None or expires_at > end):
        raise Escalation("A key that expires can only give a life that ends no later: set expires_at.")


def check_manage(caller: Caller, tiers: Tiers, target: KeyRow) -> None:
    """Raise Escalation if the target holds more than the caller, who could else use it through a rotation."""
    check_grant(caller, tiers, scopes=target.scopes, tier=target.tier, expires_at=target.expires_at)
