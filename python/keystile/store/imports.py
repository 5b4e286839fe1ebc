"""Imports: keys whose secrets were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from keystile.store.pool import Connection
from keystile.store.records import ImportedKey
from keystile.store.sql import sql

_COLUMNS = ("id", "tenant", "name", "start", "last4", "digest", "scopes", "tier", "expires_at", "note", "imported_as")


class Known(Struct, frozen=True):
    """What there is of the ids and digests that were asked for."""

    by_id: dict[str, tuple[str, int | None]]
    """Tenant and `imported_as` of the keys found, whichever way they were found."""
    digests: frozenset[bytes]
    """Digests of their secrets."""


async def known(conn: Connection, ids: Sequence[str], digests: Sequence[bytes]) -> Known:
    """The keys of these ids, and those whose secret, or the one before, has one of these digests. In a transaction."""
    await conn.execute(sql("import_plans"))
    records = await conn.fetch(sql("import_known"), ids, digests)
    found = {digest for record in records for digest in (record["digest"], record["previous_digest"]) if digest}
    return Known({record["id"]: (record["tenant"], record["imported_as"]) for record in records}, frozenset(found))


async def peppers(conn: Connection) -> set[int]:
    """Fingerprints of the peppers under which keys were imported."""
    return {record["fingerprint"] for record in await conn.fetch(sql("import_peppers"))}


async def note_pepper(conn: Connection, fingerprint: int) -> None:
    """Note that keys are imported under a pepper; in the transaction that adds them, and before they are added."""
    await conn.execute(sql("import_pepper_note"), fingerprint)


async def insert(conn: Connection, keys: Sequence[ImportedKey], created_by: str) -> set[str]:
    """Add keys; the ids of those that are new. One whose id or secret is there already is left alone.

    asyncpg.ForeignKeyViolationError for a tenant, scope or tier that does not exist.
    """
    # Two imports of the same keys at once lock them in the same order.
    rows = sorted(keys, key=lambda key: key.id)
    columns = [[getattr(row, name) for row in rows] for name in _COLUMNS]
    columns[_COLUMNS.index("scopes")] = [",".join(row.scopes) for row in rows]
    records = await conn.fetch(sql("import_insert"), *columns, created_by)
    return {record["id"] for record in records}
