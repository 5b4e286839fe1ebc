"""`keyshield`, formerly `fastapi-api-key`: keys behind slow hashes, in its in-memory repository. It has no limiter.

By default it sleeps 0.1 to 0.3 s in each check; that is switched off here, as what is compared is its work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from keyshield import ApiKeyService
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.repositories.in_memory import InMemoryApiKeyRepository
from keyshield.services.cached import CachedApiKeyService

_SCOPE = "psa"


class Keyshield:
    """One key in a service of `keyshield`, with a loop to run its coroutines in."""

    def __init__(self, service: ApiKeyService, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        _, self._secret = loop.run_until_complete(service.create(name="bench", scopes=[_SCOPE]))

    def work(self, calls: int) -> Callable[[], int]:
        """So many checks of the key within one run of the loop, whose start is thus not a part of the figure."""
        verify, secret, scopes = self._service.verify_key, self._secret, [_SCOPE]

        async def checks() -> int:
            for _ in range(calls):
                await verify(secret, scopes)
            return calls

        return lambda: self._loop.run_until_complete(checks())


def by_default(loop: asyncio.AbstractEventLoop) -> Keyshield:
    """Argon2 for each check."""
    return Keyshield(ApiKeyService(InMemoryApiKeyRepository(), _hasher(), min_delay=0, max_delay=0), loop)


def cached(loop: asyncio.AbstractEventLoop) -> Keyshield:
    """Its fastest form: after the first check, a cache in memory answers for five minutes, revoked or not."""
    service = CachedApiKeyService(InMemoryApiKeyRepository(), _hasher(), min_delay=0, max_delay=0)
    return Keyshield(service, loop)


def _hasher() -> Argon2ApiKeyHasher:
    return Argon2ApiKeyHasher(pepper="of the benchmark")
