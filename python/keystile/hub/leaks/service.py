"""What is done about secrets found in public: the key is revoked, or the old secret of a rotated one ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from keystile._core import digest_of_sha256
from keystile.hub import text
from keystile.safe_text import without_secrets
from keystile.store import audit, keys
from keystile.store.pool import Connection
from keystile.store.records import KeyRow

ACTOR = "github"


class Report(Struct, frozen=True):
    """One secret that was found."""

    token: str
    type: str
    url: str | None = None
    source: str | None = None

    def __repr__(self) -> str:
        return f"Report(source={self.source!r})"


class Label(Struct, frozen=True):
    """Whether a reported text is a secret of ours. The text is named by its SHA-256, in hex."""

    token_hash: str
    token_type: str
    label: Literal["true_positive", "false_positive"]


async def take(
    connection: Connection, reports: Sequence[Report], *, peppers: Sequence[bytes], request_id: str
) -> list[Label]:
    """End every secret that is known, of whatever tenant, with audit rows; one label for each report."""
    first: dict[bytes, Report] = {}
    digests = [_digests(report.token, peppers) for report in reports]
    for report, found in zip(reports, digests, strict=True):
        for one in found:
            first.setdefault(one, report)
    known: set[bytes] = set()
    for held in await keys.by_digests(connection, list(first)):
        known |= held.digests
        row = await keys.get(connection, held.id, None)
        if row is not None:
            # None of them if the key was rotated at this moment: then what was found has ended already.
            matched = next((one for one in (held.digest, held.previous_digest) if one in first), None)
            if matched is not None:
                await _end(connection, row, first[matched], request_id, is_current=held.is_current)
    return [_label(report, bool(known.intersection(found))) for report, found in zip(reports, digests, strict=True)]


async def _end(connection: Connection, row: KeyRow, report: Report, request_id: str, *, is_current: bool) -> None:
    if row.status == "revoked" or (not is_current and row.previous_secret_expires_at is None):
        return
    reason = _reason(report)
    detail: Mapping[str, object]
    if is_current:
        await keys.revoke(connection, row.id, row.tenant, reason)
        action, detail = "key.revoke", {"reason": reason}
    else:
        # Its owner has another secret by now, which nobody has found.
        await keys.end_overlap(connection, row.id, row.tenant)
        action, detail = "key.end_overlap", {"reason": reason}
    await audit.write(
        connection,
        actor=ACTOR,
        tenant=row.tenant,
        action=action,
        target=row.id,
        detail=detail,
        request_id=request_id,
    )


def _digests(token: str, peppers: Sequence[bytes]) -> list[bytes]:
    """What the database would hold of the text, under each pepper; of any shape, because keys can be imported."""
    hashed = hashlib.sha256(token.encode()).digest()
    return [digest_of_sha256(hashed, pepper) for pepper in peppers]


def _reason(report: Report) -> str:
    words = f"Leaked: reported by GitHub ({report.source or 'unknown'}) {report.url or ''}".strip()
    # An address may repeat the secret, and not as a word of its own.
    plain = "".join(char for char in words.replace(report.token, "(secret)") if not text.has_controls(char))
    return without_secrets(plain)[: text.REASON_CHARS]


def _label(report: Report, known: bool) -> Label:
    hashed = hashlib.sha256(report.token.encode()).hexdigest()
    return Label(hashed, report.type, "true_positive" if known else "false_positive")
