"""Random tokens of sessions and links: shown once, kept as digests."""

from __future__ import annotations

import hashlib
import re
import secrets

_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new() -> str:
    """256 random bits as 43 characters that need no escaping anywhere."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> bytes | None:
    """What is kept of a token; None for what cannot be one. There is nothing to guess, so SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest() if _FORM.fullmatch(token) else None
