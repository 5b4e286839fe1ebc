"""Slows down whoever guesses passwords, without locking out the one whose password is guessed.

Each try takes from the bucket of its client address, and from that of the address it signs in with. The latter is
another one for a browser that has signed in before, which shows that by a device cookie: so strangers who use it up
do not stop its owner. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

from keystile.hub.errors import TooManyGuesses
from keystile.store import guesses
from keystile.store.pool import Connection

_NONCE_CHARS = 22
_SIGNATURE_CHARS = 64


class _Budget(NamedTuple):
    each_s: float
    burst: int


_CLIENT = _Budget(each_s=6.0, burst=20)
_STRANGERS = _Budget(each_s=30.0, burst=5)
_DEVICE = _Budget(each_s=15.0, burst=10)


class Devices:
    """Makes and recognises device cookies: a nonce, and its HMAC-SHA-256 together with the operator's address."""

    def __init__(self, pepper: bytes) -> None:
        self._key = hmac.digest(pepper, b"keystile device cookies", hashlib.sha256)

    def cookie(self, email: str) -> str:
        """A new one for a browser in which this operator has signed in."""
        nonce = secrets.token_urlsafe(16)
        return nonce + self._signature(nonce, email)

    def recognises(self, cookie: str | None, email: str) -> bool:
        """Whether this operator has signed in from that browser before."""
        if cookie is None or len(cookie) != _NONCE_CHARS + _SIGNATURE_CHARS or not cookie.isascii():
            return False
        nonce, signature = cookie[:_NONCE_CHARS], cookie[_NONCE_CHARS:]
        return hmac.compare_digest(signature, self._signature(nonce, email))

    def _signature(self, nonce: str, email: str) -> str:
        return hmac.new(self._key, f"{nonce}{email}".encode(), hashlib.sha256).hexdigest()


async def take(connection: Connection, *, client: str, email: str, device: str | None) -> None:
    """Take one guess; `device` is a cookie that was recognised. TooManyGuesses when there is none left."""
    await guesses.forget(connection)
    await _take(connection, "client", client, _CLIENT)
    if device is None:
        await _take(connection, "strangers", email, _STRANGERS)
    else:
        await _take(connection, "device", device, _DEVICE)


async def _take(connection: Connection, kind: str, whose: str, budget: _Budget) -> None:
    bucket = hashlib.sha256(f"{kind}\0{whose}".encode()).digest()
    wait_s = await guesses.take(connection, bucket, each_s=budget.each_s, burst=budget.burst)
    if wait_s > 0.0:
        raise TooManyGuesses(wait_s)
