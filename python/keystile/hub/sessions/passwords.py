"""Passwords: which are taken, and their Argon2id hashes (RFC 9106, its second recommended setting)."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from keystile.hub.errors import Faults
from keystile.hub.text import has_controls

SHORTEST = 12
LONGEST = 256
_AT_ONCE = 2

_hasher = PasswordHasher()
# Each takes 64 MiB and some tens of milliseconds of all cores: guessing must not crowd out everything else.
_turns = asyncio.Semaphore(_AT_ONCE)


def check(faults: Faults, field: str, password: str, email: str) -> str:
    """The password in the form that is hashed (NFKC, as NIST SP 800-63B says); faults for one that is too weak."""
    normal = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(normal) <= LONGEST:
        faults.add(field, f"Use {SHORTEST} to {LONGEST} characters.")
    elif has_controls(normal):
        faults.add(field, "Control characters are not allowed.")
    elif len(set(normal)) < 5 or normal.casefold() in {email, email.partition("@")[0]}:
        faults.add(field, "This is too easy to guess.")
    return normal


async def hashed(password: str) -> str:
    """The hash to keep of a password that was checked."""
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify(kept: str | None, password: str) -> bool:
    """Whether the password is the one that `kept` is the hash of; takes as long with None, and is never so."""
    normal = unicodedata.normalize("NFKC", password[: 2 * LONGEST])
    async with _turns:
        return await asyncio.to_thread(_verify, kept or _nobodys(), normal) and kept is not None


def _verify(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe())
