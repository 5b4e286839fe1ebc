"""The gate's work done with what Python already has: the baseline that an application would write itself."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from throttled import RateLimiterType, Throttled, rate_limiter, store

from benchmarks.worlds import LARGEST
from keystile import checksum_ok

Hit = Callable[[str], bool]
"""Takes a token of the key with this id; whether there was one."""


class Known(NamedTuple):
    """What is kept of a key."""

    key_id: str
    digest: bytes
    scopes: frozenset[str]


class PurePythonGate:
    """Shape, digest, constant-time comparison, limit and scope, from `hashlib`, `hmac` and a limiter.

    It forgets everything with its process, counts nothing, and shares nothing with other processes.
    """

    def __init__(self, pepper: bytes, hit: Hit) -> None:
        self._pepper = pepper
        self._keys: dict[bytes, Known] = {}
        self._hit = hit

    def digest(self, secret: bytes) -> bytes:
        """The same digest as the gate's."""
        return hmac.digest(self._pepper, hashlib.sha256(secret).digest(), "sha256")

    def put(self, secrets: Iterable[bytes]) -> None:
        """Add keys with the scope PSA."""
        for number, secret in enumerate(secrets):
            digest = self.digest(secret)
            self._keys[digest[:8]] = Known(f"key_{number}", digest, frozenset({"PSA"}))

    def check(self, secret: bytes, scope: str) -> bool:
        """Whether the request may pass."""
        if not checksum_ok(secret):
            return False
        digest = self.digest(secret)
        known = self._keys.get(digest[:8])
        if known is None or not hmac.compare_digest(known.digest, digest):
            return False
        return self._hit(known.key_id) and scope in known.scopes


def no_limit(key_id: str) -> bool:  # noqa: ARG001 - a limiter's form
    """Without any limiter: the least that such a gate can cost."""
    return True


def limits_hit() -> Hit:
    """The cheapest strategy of `limits`: a fixed window in memory."""
    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(LARGEST)
    return lambda key_id: limiter.hit(item, key_id)


def throttled_hit(keys: int) -> Hit:
    """The token bucket of `throttled-py`, in memory; its store would drop keys beyond `MAX_SIZE`."""
    throttle = Throttled(
        using=RateLimiterType.TOKEN_BUCKET.value,
        quota=rate_limiter.per_min(LARGEST, burst=LARGEST),
        store=store.MemoryStore(options={"MAX_SIZE": keys + 1}),
    )
    return lambda key_id: not throttle.limit(key_id).limited
