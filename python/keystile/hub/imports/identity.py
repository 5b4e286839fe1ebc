"""The id of an imported key follows from its secret, so that an import that is sent again finds the key that it made.

Also years later, whatever became of the key: a key's id never changes and its row stays, while a rotation replaces its
digest. Without this, an old file would bring back a secret that was rotated away.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

_OURS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
# A UUIDv7 of the year 1970: an id made here tells its time, and this one has none.
_VERSION, _VARIANT = 7 << 76, 2 << 62
_AFTER_VERSION, _AFTER_VARIANT = (1 << 12) - 1, (1 << 62) - 1


def key_id(digest: bytes) -> str:
    """The id of the key that is imported with this peppered digest. A hash of it, as an id is no secret."""
    mixed = int.from_bytes(hashlib.sha256(b"keystile import" + digest).digest()[:16])
    number = _VERSION | (mixed >> 64 & _AFTER_VERSION) << 64 | _VARIANT | mixed & _AFTER_VARIANT
    # 26 digits of 5 bits: two zeros in front of the number, and what stands behind it is cut off.
    return "key_" + base64.b32encode((number << 6).to_bytes(17))[:26].translate(_OURS).decode()


def fingerprint(
    name: str, scopes: Sequence[str], tier: str | None, expires_at: datetime | None, note: str | None
) -> int:
    """A number of 64 bits for what a line says of its key, with the tenant and the secret aside."""
    said = msgspec.json.encode((name, sorted(scopes), tier, expires_at, note))
    return int.from_bytes(hashlib.sha256(said).digest()[:8], signed=True)
