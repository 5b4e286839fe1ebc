"""Sample tenants, keys and 30 days of usage, all of them named "Demo: …"; nobody has the keys' secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from keystile import new_key_id
from keystile.hub.demo.history import Count, Habit, History, history
from keystile.hub.secrets import Issuer
from keystile.settings import Settings, pepper_bytes
from keystile.store import catalogue, keys, tenants
from keystile.store.partitions import make_room
from keystile.store.pool import Connection
from keystile.store.records import NewKey

ACTOR = "demo"
_OVERLAP_S = 86_400


class SampleKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sample key: when it was made, how it is used, and what became of it."""

    tenant: str
    tenant_name: str = ""
    name: str
    scopes: list[str]
    tier: str
    age_days: int
    per_day: int
    errors: float
    limited: float = 0.0
    status: str = "active"
    ended_days_ago: int = 0
    rotated_days_ago: int | None = None
    life_days: int | None = None
    note: str | None = None


async def seed(connection: Connection, settings: Settings) -> None:
    """Add the sample data unless it is there. Scopes and tiers that the catalogue lacks are left out.

    The home tenant must exist.
    """
    issuer = Issuer(settings.prefix, pepper_bytes(settings)[0])
    raw = files(__package__).joinpath("keys.json").read_bytes()
    samples = msgspec.json.decode(raw, type=list[SampleKey])
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('keystile demo'))")
        homes = {"home": await _home(connection)}
        names = {sample.tenant: sample.tenant_name for sample in samples if sample.tenant not in homes}
        if await tenants.get(connection, next(iter(names))) is not None:
            return
        for tenant, name in names.items():
            await tenants.insert(connection, tenant, name)
        now: datetime = await connection.fetchval("SELECT statement_timestamp()")
        for sample in samples:
            key_id = await _add(connection, sample, homes.get(sample.tenant, sample.tenant), issuer, now)
            await _write_history(connection, key_id, sample, history(_habit(sample, now), now))


async def _home(connection: Connection) -> str:
    home = await tenants.home(connection)
    if home is None:
        raise LookupError("there is no home tenant yet")
    return home.id


async def _add(connection: Connection, sample: SampleKey, tenant: str, issuer: Issuer, now: datetime) -> str:
    """One sample key, in the state and of the age that it should have."""
    issued = issuer.issue()
    scopes = {scope.name for scope in await catalogue.scopes(connection)}
    tiers = [tier.name for tier in await catalogue.tiers(connection)]
    made = now - timedelta(days=sample.age_days)
    new = NewKey(
        id=new_key_id(),
        tenant=tenant,
        name=sample.name,
        start=issued.start,
        last4=issued.last4,
        digest=issued.digest,
        scopes=[scope for scope in sample.scopes if scope in scopes],
        tier=sample.tier if sample.tier in tiers else tiers[0],
        created_by=ACTOR,
        expires_at=_expiry(sample, made, now),
        note=sample.note,
    )
    await keys.insert(connection, new)
    if sample.status == "disabled":
        await keys.update(connection, new.id, tenant, {"disabled": True})
    rotated = None
    if sample.rotated_days_ago is not None:
        rotated = now - timedelta(days=sample.rotated_days_ago)
        fresh = issuer.issue()
        overlap = _OVERLAP_S if sample.rotated_days_ago == 0 else 0
        await keys.rotate(
            connection,
            new.id,
            tenant,
            digest=fresh.digest,
            start=fresh.start,
            last4=fresh.last4,
            overlap_seconds=overlap,
        )
    if sample.status == "revoked":
        await keys.revoke(connection, new.id, tenant, sample.note)
    await connection.execute(_sql("age_key"), new.id, made, _ended(sample, now), rotated)
    return new.id


def _expiry(sample: SampleKey, made: datetime, now: datetime) -> datetime | None:
    if sample.status == "expired":
        return _ended(sample, now)
    return None if sample.life_days is None else made + timedelta(days=sample.life_days)


def _ended(sample: SampleKey, now: datetime) -> datetime | None:
    return None if sample.status == "active" else now - timedelta(days=sample.ended_days_ago)


def _habit(sample: SampleKey, now: datetime) -> Habit:
    return Habit(
        seed=f"{sample.tenant} {sample.name}",
        per_day=sample.per_day,
        errors=sample.errors,
        limited=sample.limited,
        begin=now - timedelta(days=sample.age_days),
        end=_ended(sample, now),
    )


async def _write_history(connection: Connection, key_id: str, sample: SampleKey, made: History) -> None:
    days, hours = made.daily, made.hourly
    if not days:
        return
    await make_room(connection, days)
    by_day = _columns(days, "requests", "client_errors", "server_errors", "rate_limited", "refused")
    await connection.execute(_sql("usage_daily"), key_id, list(days), *by_day, sample.status)
    by_hour = _columns(hours, "requests", "client_errors", "server_errors")
    await connection.execute(_sql("usage_hourly"), key_id, list(hours), *by_hour)
    sums = [sum(column) for column in by_day[:3]]
    # Before the 30 days that are shown the key was used as much.
    earlier = max(0, sample.age_days - len(days)) / len(days)
    totals = [total + round(total * earlier) for total in sums]
    await connection.execute(_sql("usage_totals"), key_id, *totals, made.last_used_at)


def _columns(counts: Mapping[Any, Count], *fields: str) -> list[list[int]]:
    return [[getattr(count, field) for count in counts.values()] for field in fields]


@cache
def _sql(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
