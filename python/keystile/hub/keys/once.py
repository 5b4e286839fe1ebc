"""One key for one form, however often the form is sent: its id follows from the form and from who sent it."""

from __future__ import annotations

import hashlib

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
# Of the 26 digits of a key's id, those that hold the time, the version and the variant of its UUIDv7.
_KEPT = frozenset({*range(11), 13})


def key_id(actor: str, form: str) -> str:
    """The id of the key that `actor` makes with a form; `form` is a key id that was made for the form.

    A hash of both, so that nobody can choose an id, nor come upon the key of another's form; the time stays the form's.
    """
    prefix, _, digits = form.partition("_")
    hashed = hashlib.sha256(f"{actor} {form}".encode()).digest()
    mixed = (digit if place in _KEPT else _DIGITS[hashed[place] % 32] for place, digit in enumerate(digits))
    return f"{prefix}_{''.join(mixed)}"
