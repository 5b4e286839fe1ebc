"""Signatures as Standard Webhooks has them, so that receivers need no code of ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> bytes:
    """A new signing secret."""
    return os.urandom(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """A signing secret as its receiver keeps it."""
    return _PREFIX + base64.b64encode(secret).decode()


def headers(message_id: str, timestamp: int, body: bytes, secrets: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """The headers that go with a body sent at Unix time `timestamp`: a signature for each of the secrets."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signatures = [b"v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)) for secret in secrets]
    return [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", b"%d" % timestamp),
        (b"webhook-signature", b" ".join(signatures)),
    ]
