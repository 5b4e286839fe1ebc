"""The gate's work done with what Python already has: the baseline that an application would write itself."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from keystile import checksum_ok


class Known(NamedTuple):
    """What is kept of a key."""

    key_id: str
    digest: bytes
    scopes: frozenset[str]


class PurePythonGate:
    """Shape, digest, constant-time comparison, limit and scope, from `hashlib`, `hmac` and `limits`.

    The limiter is the cheapest that `limits` has; it forgets everything with its process.
    """

    def __init__(self, pepper: bytes, per_minute: int) -> None:
        self._pepper = pepper
        self._keys: dict[bytes, Known] = {}
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerMinute(per_minute)

    def digest(self, secret: bytes) -> bytes:
        """The same digest as the gate's."""
        return hmac.digest(self._pepper, hashlib.sha256(secret).digest(), "sha256")

    def put(self, key_id: str, secret: bytes, scopes: frozenset[str]) -> None:
        """Add a key."""
        digest = self.digest(secret)
        self._keys[digest[:8]] = Known(key_id, digest, scopes)

    def check(self, secret: bytes, scope: str) -> bool:
        """Whether the request may pass."""
        if not checksum_ok(secret):
            return False
        digest = self.digest(secret)
        known = self._keys.get(digest[:8])
        if known is None or not hmac.compare_digest(known.digest, digest):
            return False
        return self._limiter.hit(self._item, known.key_id) and scope in known.scopes
