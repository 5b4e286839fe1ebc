"""No escalation: what a caller may do and give, and which keys it may manage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from keystile.hub.auth import Caller
from keystile.hub.errors import Escalation, RoleRefused
from keystile.store.records import KeyRow, TierRow

Tiers = Mapping[str, TierRow]
OWNER, ADMIN, VIEWER = "owner", "admin", "viewer"
ROLES = (OWNER, ADMIN, VIEWER)


def check_change(caller: Caller) -> None:
    """Raise RoleRefused for an operator who may only look."""
    if caller.role == VIEWER:
        raise RoleRefused("A viewer can change nothing.")


def check_grant(caller: Caller, tiers: Tiers, *, scopes: Sequence[str], tier: str, expires_at: datetime | None) -> None:
    """Raise Escalation unless a key that calls holds every scope itself, lives as long, and is as fast."""
    held = caller.holdings
    if held is None:
        return
    if not set(scopes) <= set(held.scopes):
        raise Escalation("A key can only give scopes that it holds itself.")
    own, asked = tiers.get(held.tier), tiers.get(tier)
    if own is None or asked is None or asked.rate > own.rate or asked.burst > own.burst:
        raise Escalation("A key can only give tiers up to its own.")
    end = held.expires_at
    if end is not None and (expires_at is None or expires_at > end):
        raise Escalation("A key that expires can only give a life that ends no later: set expires_at.")


def check_manage(caller: Caller, tiers: Tiers, target: KeyRow) -> None:
    """Raise Escalation if the target holds more than the caller, who could else use it through a rotation."""
    check_grant(caller, tiers, scopes=target.scopes, tier=target.tier, expires_at=target.expires_at)


def check_operators(caller: Caller, tiers: Tiers, scopes: Sequence[str]) -> None:
    """Raise RoleRefused or Escalation unless the caller may manage operators: an owner, or a key that holds all."""
    if caller.role is not None and caller.role != OWNER:
        raise RoleRefused("Only an owner can manage operators.")
    if caller.holdings is not None:
        # An operator can give everything, so who makes one must hold everything.
        largest = max(tiers.values(), key=lambda tier: (tier.rate, tier.burst))
        check_grant(caller, tiers, scopes=scopes, tier=largest.name, expires_at=None)
