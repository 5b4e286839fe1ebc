"""The catalogue: configuration is applied quietly, and never pulls a scope or tier from under a key."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS, ScopeSetting, TierSetting
from keystile.errors import StoreError
from keystile.store import catalogue, feed, keys
from keystile.store.pool import Connection, connect


async def test_the_configured_order_is_kept(db: Connection) -> None:
    assert [(scope.name, scope.grants) for scope in await catalogue.scopes(db)] == [
        (scope.name, scope.grants) for scope in DEFAULT_SCOPES
    ]
    assert [(tier.name, tier.rate, tier.burst) for tier in await catalogue.tiers(db)] == [
        (tier.name, tier.rate, tier.burst) for tier in DEFAULT_TIERS
    ]
    await catalogue.apply(db, DEFAULT_SCOPES[::-1], DEFAULT_TIERS[::-1])
    assert [tier.name for tier in await catalogue.tiers(db)] == ["Enterprise", "Professional", "Standard"]


async def test_applying_the_same_again_is_silent(db: Connection) -> None:
    before = (await feed.poll(db, 0)).head
    await catalogue.apply(db, DEFAULT_SCOPES, DEFAULT_TIERS)
    assert (await feed.poll(db, 0)).head == before


async def test_a_changed_tier_is_announced(db: Connection) -> None:
    before = (await feed.poll(db, 0)).head
    await catalogue.apply(db, DEFAULT_SCOPES, [*DEFAULT_TIERS[:2], TierSetting("Enterprise", 2000, 4000)])
    assert (await feed.poll(db, before)).catalogue_changed
    assert (await catalogue.tiers(db))[2].burst == 4000


@pytest.mark.parametrize("noun", ["scope", "tier"])
async def test_what_a_live_key_has_is_not_removed(db: Connection, new_key: Any, noun: str) -> None:
    row = await keys.insert(db, new_key(scopes=["Voice"], tier="Professional"))
    scopes = [scope for scope in DEFAULT_SCOPES if noun != "scope" or scope.name != "Voice"]
    tiers = [tier for tier in DEFAULT_TIERS if noun != "tier" or tier.name != "Professional"]
    before = (await feed.poll(db, 0)).head
    with pytest.raises(StoreError, match="Voice" if noun == "scope" else "Professional"):
        await catalogue.apply(db, [*scopes, ScopeSetting("New")], tiers)
    assert (await feed.poll(db, 0)).head == before
    assert len(await catalogue.scopes(db)) == 10
    await keys.revoke(db, row.id, None, None)
    await catalogue.apply(db, [*scopes, ScopeSetting("New")], tiers)
    assert "New" in {scope.name for scope in await catalogue.scopes(db)}
    revoked = await keys.update(db, row.id, None, {"name": "still renamed"})
    assert revoked is not None
    assert revoked.scopes == ["Voice"]


async def test_removal_waits_for_a_key_that_is_just_being_issued(
    db: Connection, database_url: str, new_key: Any, eventually: Any
) -> None:
    other = await connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await keys.insert(other, new_key(scopes=["Voice"]))
        without = [scope for scope in DEFAULT_SCOPES if scope.name != "Voice"]
        applying = asyncio.create_task(catalogue.apply(db, without, DEFAULT_TIERS))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await eventually(lambda: other.fetchval(waiting))
        await transaction.commit()
        with pytest.raises(StoreError, match="Voice"):
            await applying
    finally:
        await other.close()


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (10**9 + 1, 1), (1, 10**9 + 1), (-1, -1), (1, 52_560_001)])
async def test_sizes_out_of_range_are_refused(db: Connection, rate: int, burst: int) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await catalogue.apply(db, DEFAULT_SCOPES, [*DEFAULT_TIERS, TierSetting("Odd", rate, burst)])
    await catalogue.apply(db, DEFAULT_SCOPES, [*DEFAULT_TIERS, TierSetting("Slowest", 1, 52_560_000)])
