"""The default catalogue, scopes and tiers, and the rules that any configured one must keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from keystile.errors import SettingsError

MAX_ENTRIES = 64
"""How many scopes, and how many tiers, there may be: a gate holds a key's scopes as one 64-bit set."""
MAX_RATE = 1_000_000_000
"""The largest rate (requests per minute) and the largest burst (requests)."""
MAX_FILL_NS = 100 * 365 * 24 * 3_600 * 1_000_000_000
"""A bucket must fill within 100 years, or its nanoseconds would not fit 64 bits."""
HUB_SCOPE = "Hub"
"""The scope that opens the Hub's own API; without it nobody could manage keys."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


class ScopeSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scope by name, and in words what it grants access to."""

    name: str
    grants: str = ""


class TierSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tier: `rate` in requests per minute, `burst` in requests."""

    name: str
    rate: int
    burst: int


DEFAULT_SCOPES = (
    ScopeSetting("PSA", "tickets, boards, time entries, contacts, companies"),
    ScopeSetting("CRM", "contacts, companies, deals, activities"),
    ScopeSetting("Books", "invoices, payments, entities, chart of accounts"),
    ScopeSetting("RMM", "devices, scripts, patch policies, alerts"),
    ScopeSetting("Security", "alerts, rules, incidents, MITRE mappings"),
    ScopeSetting("Defend", "endpoints, detections, response actions"),
    ScopeSetting("Backups", "jobs, schedules, restore points"),
    ScopeSetting("Voice", "call logs, recordings, contacts"),
    ScopeSetting("Portal", "client users, portal settings"),
    ScopeSetting(HUB_SCOPE, "tenants, users, roles, entity sync, workflows"),
)
DEFAULT_TIERS = (
    TierSetting("Standard", rate=60, burst=100),
    TierSetting("Professional", rate=300, burst=500),
    TierSetting("Enterprise", rate=1000, burst=2000),
)


def check_scopes(scopes: Sequence[ScopeSetting]) -> None:
    """Raise SettingsError where the scopes break a rule."""
    _check_names("scopes", [scope.name for scope in scopes])
    if HUB_SCOPE not in {scope.name for scope in scopes}:
        raise SettingsError(f"scopes: {HUB_SCOPE!r} is missing; it opens the Hub's own API")
    for scope in scopes:
        if len(scope.grants) > 500:
            raise SettingsError(f"scopes: what {scope.name} grants is longer than 500 characters")


def check_tiers(tiers: Sequence[TierSetting]) -> None:
    """Raise SettingsError where the tiers break a rule."""
    _check_names("tiers", [tier.name for tier in tiers])
    for tier in tiers:
        check_quota(f"tiers: {tier.name}", tier.rate, tier.burst)


def check_quota(what: str, rate: int, burst: int) -> None:
    """Raise SettingsError unless a bucket of this rate (per minute) and burst can be counted exactly."""
    for word, value in (("rate", rate), ("burst", burst)):
        if not 1 <= value <= MAX_RATE:
            raise SettingsError(f"{what}: {word} must be 1 to {MAX_RATE}, not {value}")
    interval_ns = -(-60_000_000_000 // rate)  # rounded up, as the gate does
    if burst * interval_ns > MAX_FILL_NS:
        raise SettingsError(f"{what}: a burst of {burst} at {rate} a minute takes more than 100 years to fill")


def _check_names(setting: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{setting}: {name!r} is no name: a letter, then up to 31 letters, digits, '_' or '-'")
        # Names that differ by case alone would share one rate-limit policy name and confuse people.
        if name.lower() in seen:
            raise SettingsError(f"{setting}: {name!r} is given twice")
        seen.add(name.lower())
    if not 1 <= len(seen) <= MAX_ENTRIES:
        raise SettingsError(f"{setting}: there must be 1 to {MAX_ENTRIES}, not {len(seen)}")
