"""New secrets, and what is kept of them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from keystile import digest, mint
from keystile._core import digest_of_sha256

_START_CHARS = 8
_END_CHARS = 4
_FINGERPRINT = b"keystile pepper fingerprint"


class Issued:
    """A new secret, shown once, with what the database keeps of it."""

    __slots__ = ("digest", "last4", "start", "text")

    def __init__(self, text: str, pepper: bytes, prefix: str) -> None:
        self.text = text
        self.digest = digest(text, pepper, prefix)
        self.start = text[:_START_CHARS]
        self.last4 = text[-_END_CHARS:]

    def __repr__(self) -> str:
        """Never the secret."""
        return f"Issued({self.start}…{self.last4})"


class Issuer:
    """Makes secrets with the configured prefix, digested under the current pepper."""

    __slots__ = ("_pepper", "_prefix", "_retired")

    def __init__(self, prefix: str, pepper: bytes, retired: Sequence[bytes] = ()) -> None:
        self._prefix = prefix
        self._pepper = pepper
        self._retired = retired

    @property
    def prefix(self) -> str:
        """What every secret that is made here starts with."""
        return self._prefix

    def issue(self) -> Issued:
        """A new secret."""
        return Issued(mint(self._prefix), self._pepper, self._prefix)

    def adopt(self, text: str) -> Issued:
        """An existing secret, to be stored as if it were new."""
        return Issued(text, self._pepper, self._prefix)

    def digests_of(self, sha256: bytes) -> list[bytes]:
        """What is kept of a secret with this SHA-256, or was under a retired pepper; the current one comes first."""
        return [digest_of_sha256(sha256, pepper) for pepper in (self._pepper, *self._retired)]

    def fingerprints(self) -> list[int]:
        """64 bits for each pepper, which tell it from others and nothing of it; the current one comes first."""
        digests = [hmac.digest(pepper, _FINGERPRINT, "sha256") for pepper in (self._pepper, *self._retired)]
        return [int.from_bytes(digest[:8], signed=True) for digest in digests]
