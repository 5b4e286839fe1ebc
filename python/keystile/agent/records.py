"""From the store's rows to the gate's records, and from the gate's counters to the store's rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from keystile._core import KeyRecord
from keystile.store.records import GateKey, UsageRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


_LATEST_NS = 2**64 - 2
"""The last instant that fits, in the year 2554; one more means never."""


def unix_ns(moment: datetime) -> int:
    """Unix time in nanoseconds, exact to the microsecond that a timestamp has; held within 1970 and 2554."""
    return min(max(0, (moment - _EPOCH) // _MICROSECOND) * 1_000, _LATEST_NS)


def key_record(key: GateKey) -> KeyRecord:
    """What the gate must know of a key."""
    previous_until = key.previous_secret_expires_at
    return KeyRecord(
        key.id,
        key.digest,
        scopes=key.scopes,
        tier=key.tier,
        tenant=key.tenant,
        expires_at_ns=None if key.expires_at is None else unix_ns(key.expires_at),
        disabled=key.disabled,
        revoked=key.revoked,
        previous_digest=key.previous_digest,
        previous_expires_at_ns=None if previous_until is None else unix_ns(previous_until),
    )


Drained: TypeAlias = tuple[str, int, int, int, int, int, int, int, int, tuple[int, int, bytes], int]
"""One entry of `Writer.drain`."""


def usage_row(drained: Drained, scope_names: Sequence[str]) -> UsageRow:
    """One entry of `Writer.drain` as the store takes it; `scope_names` are the writer's, read after it."""
    key_id, requests, client_errors, server_errors, rate_limited, insufficient_scope, *others, secrets, scopes = drained
    revoked, disabled, expired = others
    current_ms, previous_ms, digest = secrets
    return UsageRow(
        key_id=key_id,
        requests=requests,
        client_errors=client_errors,
        server_errors=server_errors,
        rate_limited=rate_limited,
        insufficient_scope=insufficient_scope,
        revoked=revoked,
        disabled=disabled,
        expired=expired,
        last_used_at=_moment(max(current_ms, previous_ms)),
        current_used_at=_moment(current_ms),
        previous_used_at=_moment(previous_ms),
        digest=digest,
        scopes=tuple(name for place, name in enumerate(scope_names) if scopes >> place & 1) if scopes else (),
    )


def _moment(unix_ms: int) -> datetime | None:
    """None for 0, which means never."""
    return _EPOCH + timedelta(milliseconds=unix_ms) if unix_ms else None
