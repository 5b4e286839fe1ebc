"""Secrets that were made elsewhere: what is asked of them, and what is kept for people to recognise them by."""

from __future__ import annotations

import base64
import hashlib
import math
import re

SHORTEST, LONGEST = 16, 512
"""Characters of an imported secret. A gate hashes nothing else that has not the form of a key."""
LEAST_BITS = 64
"""What a secret must be worth at least: it is hashed fast, which is right only for what nobody can guess."""
START_CHARS, END_CHARS = 8, 4
OURS_CHARS = 28
"""Characters after the prefix of a secret that was made here."""

_HIDDEN = 16
"""Characters that are never shown."""
_LEAST_DISTINCT = 6
_SEPARATORS = re.compile(r"[-_.:]")
_POOLS = (
    (re.compile(r"[0-9]+"), 10),
    (re.compile(r"[0-9a-f]+|[0-9A-F]+"), 16),
    (re.compile(r"[0-9a-z]+|[0-9A-Z]+"), 36),
    (re.compile(r"[0-9A-Za-z]+"), 62),
)
_ALL_VISIBLE = 94
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{43}=?")
_URL_SAFE = str.maketrans("+/", "-_")


def is_visible(text: str) -> bool:
    """Whether it is visible ASCII throughout, as what a header can carry without doubt."""
    return text.isascii() and text.isprintable() and " " not in text


def refusal(secret: str, prefix: str) -> str | None:
    """Why a secret is not taken; None if it is. The reason never holds the secret; `prefix` is that of our own."""
    if not is_visible(secret):
        return "Use visible ASCII characters only, without spaces."
    if not SHORTEST <= len(secret) <= LONGEST:
        return f"Use {SHORTEST} to {LONGEST} characters."
    # Whatever its checksum: a secret that was rotated away would live again, and one with a typing error would pass.
    if secret.startswith(prefix) and len(secret) == len(prefix) + OURS_CHARS:
        return "This has the form of a secret that is made here, and those are not imported. Issue a new key instead."
    if strength_bits(secret) < LEAST_BITS:
        return f"This could be guessed: a secret must be worth {LEAST_BITS} bits at least. Issue a new key instead."
    return None


def strength_bits(secret: str) -> float:
    """At most how many bits a secret is worth: a coarse sieve for what is short, repeated or of few characters."""
    core = _SEPARATORS.sub("", secret)
    if len(set(core)) < _LEAST_DISTINCT:
        return 0.0
    pool = next((size for pattern, size in _POOLS if pattern.fullmatch(core)), _ALL_VISIBLE)
    # What repeats itself is worth no more than what it repeats.
    period = (core + core).find(core, 1)
    return period * math.log2(pool)


def ends(secret: str) -> tuple[str, str]:
    """Its first and last characters as they are kept: 8 and 4, or fewer of a short one."""
    spare = len(secret) - _HIDDEN
    if spare < END_CHARS:
        return "", ""
    return secret[: min(START_CHARS, spare - END_CHARS)], secret[-END_CHARS:]


def sha256(secret: str) -> bytes:
    """The digest that an import carries instead of the secret."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def parse_sha256(text: str) -> bytes | None:
    """A SHA-256 digest in hex or Base64, of either alphabet, padded or not; None if it is none."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _BASE64.fullmatch(text):
        return base64.urlsafe_b64decode(text.translate(_URL_SAFE).rstrip("=") + "=")
    return None
