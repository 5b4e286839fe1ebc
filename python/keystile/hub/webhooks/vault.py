"""Signing secrets at rest: encrypted, because signing needs them again, under a key that follows from the pepper."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"keystile webhook secrets 1"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """No pepper that is known opens this secret."""


class Vault:
    """Seals under the current pepper, and opens what was sealed under it or a retired one."""

    def __init__(self, peppers: Sequence[bytes]) -> None:
        """`peppers`: the current one, then retired ones."""
        self._ciphers = [AESGCM(_key(pepper)) for pepper in peppers]

    def seal(self, webhook_id: str, secret: bytes) -> bytes:
        """The secret as the database keeps it; it opens as the secret of this webhook only."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, secret, webhook_id.encode())

    def open(self, webhook_id: str, sealed: bytes) -> bytes:
        """The secret. Unreadable if it was changed, is another webhook's, or its pepper is gone."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, text, webhook_id.encode())
            except (InvalidTag, ValueError):
                continue
        raise Unreadable


def _key(pepper: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(pepper)
