"""From a record, in the file's own words, to what the Hub is told. The secret stays here, unless it shall be sent."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from keystile import imported

FIELDS = ("name", "scopes", "tier", "expires_at", "note", "tenant", "secret", "sha256", "start", "last4")
"""What a file may say of a key."""

_BETWEEN_SCOPES = re.compile(r"[\s,;]+")
_DIGITS = re.compile(r"[0-9]{1,16}")
_FIRST_MS = 100_000_000_000
"""Larger numbers are taken for milliseconds; as seconds this is the year 5138."""


class Refused(Exception):
    """A record that is not sent; the message never holds what stands in it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Rows:
    """Turns records into lines for the Hub."""

    def __init__(
        self,
        columns: Mapping[str, str],
        *,
        ignoring: bool,
        tier: str | None,
        scopes: Sequence[str] | None,
        prefix: str,
        sending: bool,
    ) -> None:
        """`columns` say which of the file's names stands for a field; others are left out if `ignoring`.

        `prefix` is that of secrets which are made here. Secrets are sent themselves if `sending`, else their SHA-256.
        """
        self._fields = {columns.get(field, field): field for field in FIELDS}
        self._ignoring = ignoring
        self._tier = tier
        self._scopes = scopes
        self._prefix = prefix
        self._sending = sending

    def unknown(self, names: Collection[str]) -> list[str]:
        """Those names that mean nothing here."""
        return [] if self._ignoring else [name for name in names if name not in self._fields]

    def knows(self, names: Collection[str], *fields: str) -> bool:
        """Whether one of the fields is among the file's names."""
        return any(self._fields.get(name) in fields for name in names)

    def line(self, record: Mapping[str, Any]) -> bytes:
        """The record as the Hub takes it. Refused if that can be told without the Hub."""
        if self.unknown(record):
            raise Refused("", "There is a field that is not known.")
        said = {self._fields[name]: value for name, value in record.items() if name in self._fields}
        said = {field: value for field, value in said.items() if value is not None}
        said["scopes"] = self._scopes_of(said.get("scopes"))
        said.setdefault("tier", self._tier)
        if "expires_at" in said:
            said["expires_at"] = _moment(said["expires_at"])
        self._hide(said)
        try:
            return msgspec.json.encode(said)
        except UnicodeEncodeError:
            raise Refused("", "There is text in it that is no text.") from None

    def _scopes_of(self, value: Any) -> Any:
        if value is None:
            return list(self._scopes or ())
        if isinstance(value, str):
            return [name for name in _BETWEEN_SCOPES.split(value) if name]
        return value

    def _hide(self, said: dict[str, Any]) -> None:
        """Put the digest of a secret in its place, unless it shall be sent, and what it is recognised by."""
        secret = said.get("secret")
        if secret is None:
            for field, kept in (("start", slice(imported.START_CHARS)), ("last4", slice(-imported.END_CHARS, None))):
                if isinstance(said.get(field), str):
                    said[field] = said[field][kept]
            return
        if "sha256" in said:
            raise Refused("secret", "Give either secret or sha256.")
        if not isinstance(secret, str):
            raise Refused("secret", "This is no text.")
        reason = imported.refusal(secret, self._prefix)
        if reason is not None:
            raise Refused("secret", reason)
        for field in ("start", "last4"):
            said.pop(field, None)
        if not self._sending:
            del said["secret"]
            said["sha256"] = imported.sha256(secret).hex()
            said["start"], said["last4"] = imported.ends(secret)


def _moment(value: Any) -> Any:
    """A Unix time in seconds or milliseconds as RFC 3339; anything else as it is, for the Hub to judge."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        moment = datetime.fromtimestamp(value / 1_000 if value >= _FIRST_MS else value, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused("expires_at", "This is no time.") from None
    return moment.isoformat().replace("+00:00", "Z")
