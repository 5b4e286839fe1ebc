"""What the configuration adds, the first key gains: else nobody could ever grant it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from keystile.settings import Settings, TierSetting
from keystile.store import audit, catalogue, keys
from keystile.store.pool import Connection
from keystile.store.records import KeyRow, TierRow

Tier = TypeVar("Tier", TierRow, TierSetting)


class Before(msgspec.Struct, frozen=True):
    """The catalogue before the configuration was applied."""

    scopes: frozenset[str]
    largest_tier: str | None


async def before(connection: Connection) -> Before:
    """The catalogue as it is now."""
    scopes = await catalogue.scopes(connection)
    tiers = await catalogue.tiers(connection)
    return Before(frozenset(scope.name for scope in scopes), largest(tiers).name if tiers else None)


def largest(tiers: Sequence[Tier]) -> Tier:
    """The tier with the highest rate, and among those the highest burst."""
    return max(tiers, key=lambda tier: (tier.rate, tier.burst))


async def extend(
    connection: Connection, settings: Settings, earlier: Before, key_ids: Sequence[str], actor: str
) -> None:
    """Give these keys the scopes that are new, and the largest tier if they had the largest before.

    What an operator took from them on purpose does not come back.
    """
    added = [scope.name for scope in settings.scopes if scope.name not in earlier.scopes]
    for key_id in key_ids:
        row = await keys.get(connection, key_id, None, lock=True)
        changes = {} if row is None else _changes(row, added, earlier, settings)
        if row is None or not changes:
            continue
        await keys.update(connection, row.id, row.tenant, changes)
        detail = {name: {"from": getattr(row, name), "to": value} for name, value in changes.items()}
        await audit.write(
            connection,
            actor=actor,
            tenant=row.tenant,
            action="key.update",
            target=row.id,
            detail=detail,
            request_id=None,
        )


def _changes(row: KeyRow, added: Sequence[str], earlier: Before, settings: Settings) -> dict[str, object]:
    changes: dict[str, object] = {}
    missing = [scope for scope in added if scope not in row.scopes]
    if missing:
        changes["scopes"] = [*row.scopes, *missing]
    top = largest(settings.tiers).name
    if row.tier == earlier.largest_tier and row.tier != top:
        changes["tier"] = top
    return changes
