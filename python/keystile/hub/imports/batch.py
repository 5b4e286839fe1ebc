"""A batch as it arrives: one JSON object a line. What can be said of a line without the database is said here."""

from __future__ import annotations

import asyncio
from datetime import datetime

from msgspec import Struct

from keystile import imported
from keystile.hub import body, text
from keystile.hub.errors import Faults, FieldError, Invalid, Malformed
from keystile.hub.imports import identity
from keystile.hub.imports.schemas import MOST_LINE_BYTES, MOST_LINES, ImportKey
from keystile.hub.keys import checks
from keystile.hub.secrets import Issuer

_LINES_PER_TURN = 100
"""Lines read between two chances for other requests of this process."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A key to import, cleaned; `ids` and `digests` are under each pepper, the current one first."""

    line: int
    name: str
    scopes: list[str]
    tier: str | None
    expires_at: datetime | None
    note: str | None
    tenant: str | None
    start: str
    last4: str
    field: str
    """The field that the secret came in."""
    digests: list[bytes]
    ids: list[str]
    imported_as: int

    def __repr__(self) -> str:
        return f"Wanted(line={self.line})"


class Batch(Struct, frozen=True):
    """The lines that make sense, and the faults of the others by line; `peppers` are fingerprints of those tried."""

    wanted: list[Wanted]
    faulty: dict[int, list[FieldError]]
    peppers: list[int]


async def read(raw: bytes, issuer: Issuer) -> Batch:
    """Read a batch. Invalid if it has no lines, or too many; blank ones do not count."""
    if raw.count(b"\n") > MOST_LINES:
        raise Invalid([FieldError("", f"Send at most {MOST_LINES} lines.")])
    batch = Batch([], {}, issuer.fingerprints())
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if number % _LINES_PER_TURN == 0:
            await asyncio.sleep(0)
        if not line.strip():
            continue
        if len(line) > MOST_LINE_BYTES:
            batch.faulty[number] = [FieldError("", f"This line is longer than {MOST_LINE_BYTES} bytes.")]
            continue
        try:
            batch.wanted.append(_wanted(number, body.decode(line, ImportKey), issuer))
        except Malformed:
            batch.faulty[number] = [FieldError("", "This line is not one JSON document.")]
        except Invalid as error:
            batch.faulty[number] = error.errors
    return batch


def _wanted(number: int, asked: ImportKey, issuer: Issuer) -> Wanted:
    faults = Faults()
    name = text.line(faults, "name", asked.name, longest=text.NAME_CHARS)
    note = asked.note and text.paragraph(faults, "note", asked.note, longest=text.NOTE_CHARS)
    expires_at = _in_utc(faults, asked.expires_at)
    field, digest = _digest(faults, asked, issuer.prefix)
    start, last4 = _ends(faults, asked)
    faults.check()
    digests = issuer.digests_of(digest)
    return Wanted(
        line=number,
        name=name,
        scopes=asked.scopes,
        tier=asked.tier,
        expires_at=expires_at,
        note=note or None,
        tenant=asked.tenant,
        start=start,
        last4=last4,
        field=field,
        digests=digests,
        ids=[identity.key_id(digest) for digest in digests],
        imported_as=identity.fingerprint(name, asked.scopes, asked.tier, expires_at, note or None),
    )


def _in_utc(faults: Faults, moment: datetime | None) -> datetime | None:
    """Whether it is still to come is asked later: a line that was imported before its end stays as good as it was."""
    return None if moment is None else checks.in_utc(faults, moment)


def _digest(faults: Faults, asked: ImportKey, prefix: str) -> tuple[str, bytes]:
    """The field that says which secret it is, and the secret's SHA-256; that of nothing where there is a fault."""
    if (asked.secret is None) == (asked.sha256 is None):
        faults.add("secret", "Give either secret or sha256.")
        return "secret", b""
    if asked.secret is not None:
        reason = imported.refusal(asked.secret, prefix)
        if reason is None:
            return "secret", imported.sha256(asked.secret)
        faults.add("secret", reason)
        return "secret", b""
    digest = imported.parse_sha256(asked.sha256 or "")
    if digest is None:
        faults.add("sha256", "This is no SHA-256 digest: 64 hex digits, or 43 or 44 characters of Base64.")
    return "sha256", digest or b""


def _ends(faults: Faults, asked: ImportKey) -> tuple[str, str]:
    """What people recognise the secret by."""
    if asked.secret is not None:
        for field in ("start", "last4"):
            if getattr(asked, field) is not None:
                faults.add(field, "This goes with sha256 only; of a secret it is known.")
        return imported.ends(asked.secret)
    start, last4 = asked.start or "", asked.last4 or ""
    if len(start) > imported.START_CHARS or not imported.is_visible(start):
        faults.add("start", f"Use at most {imported.START_CHARS} visible ASCII characters.")
    if len(last4) not in {0, imported.END_CHARS} or not imported.is_visible(last4):
        faults.add("last4", f"Use {imported.END_CHARS} visible ASCII characters.")
    return start, last4
