"""The catalogue: which scopes and tiers there are. Configuration is applied to it at start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from keystile.errors import StoreError
from keystile.store.pool import Connection
from keystile.store.records import ScopeRow, TierRow
from keystile.store.sql import sql


class ScopeLike(Protocol):
    """A scope as configuration gives it."""

    @property
    def name(self) -> str:
        """What keys and routes call it."""

    @property
    def grants(self) -> str:
        """In words, what it opens."""


class TierLike(Protocol):
    """A tier as configuration gives it."""

    @property
    def name(self) -> str:
        """What keys call it."""

    @property
    def rate(self) -> int:
        """Requests per minute."""

    @property
    def burst(self) -> int:
        """Requests at once."""


async def scopes(conn: Connection) -> list[ScopeRow]:
    """All scopes in their configured order."""
    return [ScopeRow(**record) for record in await conn.fetch(sql("scope_list"))]


async def tiers(conn: Connection) -> list[TierRow]:
    """All tiers in their configured order."""
    return [TierRow(**record) for record in await conn.fetch(sql("tier_list"))]


async def use(conn: Connection, tenant: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many of a tenant's keys hold each scope, and how many have each tier; revoked ones count no more."""
    scopes = await conn.fetch(sql("scope_use"), tenant)
    tiers = await conn.fetch(sql("tier_use"), tenant)
    return {record["name"]: record["keys"] for record in scopes}, {record["name"]: record["keys"] for record in tiers}


async def apply(conn: Connection, scopes: Sequence[ScopeLike], tiers: Sequence[TierLike]) -> None:
    """Make the catalogue what configuration says; nothing is written where it already is.

    StoreError naming a scope or tier that is to go but that a key still has which is not revoked; nothing is
    changed then.
    """
    scope_names = [scope.name for scope in scopes]
    tier_names = [tier.name for tier in tiers]
    async with conn.transaction():
        await conn.execute(sql("scope_upsert"), scope_names, [scope.grants for scope in scopes])
        await conn.execute(
            sql("tier_upsert"), tier_names, [tier.rate for tier in tiers], [tier.burst for tier in tiers]
        )
        # Gone first, then looked for: a key that is being given one of them is either waited for or refused.
        await _prune(conn, "scope", scope_names)
        await _prune(conn, "tier", tier_names)


async def _prune(conn: Connection, noun: str, names: list[str]) -> None:
    gone = [record["name"] for record in await conn.fetch(sql(f"{noun}_prune"), names)]
    if not gone:
        return
    used = await conn.fetchval(sql(f"{noun}_in_use"), gone)
    if used is not None:
        raise StoreError(f"the {noun} {used!r} is missing from the configuration, but a key still has it")
