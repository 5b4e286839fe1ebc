"""What the store takes and gives. Times are in UTC with microseconds; counters are whole requests."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct


class KeyRow(Struct, frozen=True, kw_only=True):
    """The public record of a key. `status` is what it was when the statement ran."""

    id: str
    tenant: str
    name: str
    start: str
    last4: str
    scopes: list[str]
    tier: str
    status: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str | None
    disabled: bool
    rotated_at: datetime | None
    previous_secret_expires_at: datetime | None
    note: str | None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key to insert; `digest` is the 32 bytes kept instead of the secret."""

    id: str
    tenant: str
    name: str
    start: str
    last4: str
    digest: bytes
    scopes: list[str]
    tier: str
    created_by: str
    expires_at: datetime | None = None
    note: str | None = None

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r}, tenant={self.tenant!r})"


class ImportedKey(NewKey, frozen=True, kw_only=True):
    """A key whose secret was made elsewhere; `start` and `last4` may be empty."""

    imported_as: int
    """A hash, of 64 bits with a sign, of what the import said of it."""


class Revocation(Struct, frozen=True):
    """That a key was revoked, as somebody remembers it."""

    id: str
    at: datetime
    reason: str | None


class GateKey(Struct, frozen=True, kw_only=True):
    """What a gate needs to know of a key."""

    id: str
    tenant: str
    digest: bytes
    previous_digest: bytes | None
    previous_secret_expires_at: datetime | None
    scopes: list[str]
    tier: str
    expires_at: datetime | None
    disabled: bool
    revoked_at: datetime | None
    imported: bool = False
    """Whether a secret of it was made elsewhere, and may have any shape."""

    @property
    def revoked(self) -> bool:
        """Whether it is revoked."""
        return self.revoked_at is not None

    def __repr__(self) -> str:
        return f"GateKey(id={self.id!r}, tenant={self.tenant!r})"


class TenantRow(Struct, frozen=True, kw_only=True):
    """A tenant; the one with `home` may act for the others."""

    id: str
    name: str
    home: bool
    created_at: datetime


class OperatorRow(Struct, frozen=True, kw_only=True):
    """A person who may sign in to the console. `role` is owner, admin or viewer."""

    id: str
    tenant: str
    email: str
    role: str
    has_password: bool
    disabled: bool
    created_at: datetime
    created_by: str
    last_signed_in_at: datetime | None


class SignedIn(Struct, frozen=True, kw_only=True):
    """Whose session it is, and whether that operator's tenant is the home tenant."""

    id: str
    tenant: str
    email: str
    role: str
    home: bool


class Credentials(Struct, frozen=True, kw_only=True):
    """What it takes to sign in as an operator."""

    id: str
    tenant: str
    password_hash: str

    def __repr__(self) -> str:
        return f"Credentials(id={self.id!r})"


class ScopeRow(Struct, frozen=True, kw_only=True):
    """A scope and, in words, what it grants access to."""

    name: str
    grants: str


class TierRow(Struct, frozen=True, kw_only=True):
    """A tier: `rate` in requests per minute, `burst` in requests."""

    name: str
    rate: int
    burst: int


class TierQuota(NamedTuple):
    """A tier as a gate takes it: `rate` in requests per minute, `burst` in requests."""

    name: str
    rate: int
    burst: int


class Poll(Struct, frozen=True, kw_only=True):
    """What changed after `after_rev`, read in one snapshot.

    It covers the revisions up to `rev`; the clock stood at `head`. `rev` is below `head` when there was more
    than one poll carries: ask again at once.
    """

    epoch: UUID
    timeline: int
    """PostgreSQL's timeline, which a promotion changes; 0 on a replica."""
    replica: bool
    now: datetime
    after_rev: int
    rev: int
    head: int
    oldest_rev: int
    """The first revision whose changes are still kept."""
    revs_seen: int
    """How many revisions were found between `after_rev` and `rev`."""
    stamp: datetime | None
    """When the first change of `rev` was made: tells this history from another one that also came to `rev`."""
    keys: list[GateKey]
    removed: list[str]
    catalogue_changed: bool

    @property
    def complete(self) -> bool:
        """Whether no revision is missing. If one is, only a full reload helps."""
        return self.head >= self.after_rev and self.revs_seen == self.rev - self.after_rev


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything a gate needs, as of one moment."""

    epoch: UUID
    timeline: int
    replica: bool
    now: datetime
    rev: int
    stamp: datetime | None
    scopes: list[str]
    tiers: list[TierQuota]
    keys: list[GateKey]


class UsageRow(Struct, frozen=True, kw_only=True):
    """One key's counters in one gate, all cumulative since that gate began, and the scopes it used."""

    key_id: str
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    rate_limited: int = 0
    insufficient_scope: int = 0
    revoked: int = 0
    disabled: int = 0
    expired: int = 0
    last_used_at: datetime | None = None
    current_used_at: datetime | None = None
    """The last use of the secret that the gate knew as the current one; `last_used_at` is that of any."""
    previous_used_at: datetime | None = None
    """The last use of a secret before that one."""
    digest: bytes | None = None
    """Of the secret that the gate knew as the current one: a gate may not have heard of a rotation yet."""
    scopes: tuple[str, ...] = ()
    """Those with which requests passed since the gate was told that they are stored."""


class OutcomeRow(Struct, frozen=True, kw_only=True):
    """How one request of a key ended, as somebody outside saw it."""

    id: str
    key_id: str
    status: int
    at: datetime


class Headline(Struct, frozen=True, kw_only=True):
    """A key's usage in four figures.

    30 days are 30 UTC dates, today included; `error_rate` is a percentage of their requests, two decimals,
    None without requests.
    """

    last_used_at: datetime | None
    total_requests: int
    requests_30d: int
    error_rate: float | None


class KeyFigures(Headline, frozen=True, kw_only=True):
    """What changes by itself about a key; `daily` counts the requests of 30 UTC dates, oldest first, today last."""

    status: str
    daily: list[int]


class DailyUsage(Struct, frozen=True, kw_only=True):
    """One UTC date."""

    date: date
    requests: int
    client_errors: int
    server_errors: int
    rate_limited: int
    """Those client errors that were refusals for want of a token."""


class HourlyUsage(Struct, frozen=True, kw_only=True):
    """One hour, named by its beginning."""

    hour: datetime
    requests: int
    client_errors: int
    server_errors: int


class SecretUse(Struct, frozen=True, kw_only=True):
    """The last use of a key's current secret, refused or not; None: not used since the rotation that made it."""

    last_used_at: datetime | None


class PreviousSecretUse(SecretUse, frozen=True, kw_only=True):
    """The last use of the secret before, since the rotation (None: not since then), and when its overlap ends."""

    expires_at: datetime


class SecretUses(Struct, frozen=True, kw_only=True):
    """The last use of each of a key's secrets; `previous` only while an overlap runs."""

    current: SecretUse
    previous: PreviousSecretUse | None


class KeyUsage(Headline, frozen=True, kw_only=True):
    """A key's usage in full; `denied` counts the gate's refusals by code over the same dates as `daily`."""

    secrets: SecretUses
    denied: dict[str, int]
    daily: list[DailyUsage]
    hourly: list[HourlyUsage]


class AuditRow(Struct, frozen=True, kw_only=True):
    """Who did what to what, and when."""

    id: int
    at: datetime
    actor: str
    tenant: str | None
    action: str
    target: str
    detail: dict[str, Any]
    request_id: str | None


class Migration(Struct, frozen=True, kw_only=True):
    """One step of the schema; `applied_at` is None while it is still to be applied."""

    number: int
    name: str
    checksum: str
    applied_at: datetime | None = None
