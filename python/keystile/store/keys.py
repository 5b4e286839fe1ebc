"""Keys. By-id calls take the tenant they may reach; None reaches every tenant."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from keystile.errors import StoreError
from keystile.store.pool import Connection
from keystile.store.records import KeyRow, NewKey, Revocation
from keystile.store.sql import sql

CHANGEABLE = ("name", "scopes", "tier", "expires_at", "disabled", "note")
"""What `update` can change."""


async def insert(conn: Connection, new: NewKey) -> KeyRow:
    """Add a key. asyncpg.ForeignKeyViolationError for a tenant, scope or tier that does not exist."""
    record = await conn.fetchrow(
        sql("key_insert"),
        new.id,
        new.tenant,
        new.name,
        new.start,
        new.last4,
        new.digest,
        new.scopes,
        new.tier,
        new.created_by,
        new.expires_at,
        new.note,
    )
    assert record is not None  # noqa: S101  INSERT … RETURNING without a conflict clause gives its row
    return KeyRow(**record)


async def insert_once(conn: Connection, new: NewKey) -> KeyRow | None:
    """The same, in a transaction; None if there is a key of this id, in whatever tenant, and then nothing is added."""
    try:
        async with conn.transaction():
            return await insert(conn, new)
    except asyncpg.UniqueViolationError as taken:
        if taken.constraint_name != "keys_pkey":
            raise
        return None


async def get(conn: Connection, key_id: str, tenant: str | None, *, lock: bool = False) -> KeyRow | None:
    """One key, or None. With `lock` it stays as it is until the transaction ends."""
    record = await conn.fetchrow(sql("key_get_locked" if lock else "key_get"), key_id, tenant)
    return None if record is None else KeyRow(**record)


async def names(conn: Connection, ids: Sequence[str], tenant: str) -> dict[str, str]:
    """The names of those keys that are of `tenant`, or of the home tenant."""
    return {record["id"]: record["name"] for record in await conn.fetch(sql("key_names"), list(ids), tenant)}


async def update(conn: Connection, key_id: str, tenant: str | None, changes: dict[str, object]) -> KeyRow | None:
    """Set the fields named in `changes`, out of CHANGEABLE; None if there is no such key."""
    unknown = changes.keys() - set(CHANGEABLE)
    if unknown:
        raise StoreError(f"a key's {min(unknown)} cannot be changed")
    values = [changes.get(field) for field in CHANGEABLE]
    record = await conn.fetchrow(sql("key_update"), key_id, tenant, list(changes), *values)
    return None if record is None else KeyRow(**record)


async def rotate(
    conn: Connection,
    key_id: str,
    tenant: str | None,
    *,
    digest: bytes,
    start: str,
    last4: str,
    overlap_seconds: int,
) -> KeyRow | None:
    """Give a key a new secret; the old one lives on for `overlap_seconds`, an older one ends at once.

    None if there is no such key or it is revoked.
    """
    record = await conn.fetchrow(sql("key_rotate"), key_id, tenant, digest, start, last4, float(overlap_seconds))
    return None if record is None else KeyRow(**record)


async def end_overlap(conn: Connection, key_id: str, tenant: str | None) -> KeyRow | None:
    """End the secret from before the last rotation; None if there is no such key or it is revoked."""
    record = await conn.fetchrow(sql("key_end_overlap"), key_id, tenant)
    return None if record is None else KeyRow(**record)


async def revoke(conn: Connection, key_id: str, tenant: str | None, reason: str | None) -> KeyRow | None:
    """Revoke a key for good; None if there is no such key. A second time changes nothing."""
    record = await conn.fetchrow(sql("key_revoke"), key_id, tenant, reason)
    return None if record is None else KeyRow(**record)


class Held(Struct, frozen=True, kw_only=True):
    """A key whose secret, or the one before it, has one of the digests that were asked for."""

    id: str
    is_current: bool
    """Whether it is the secret of now."""
    digest: bytes
    previous_digest: bytes | None

    @property
    def digests(self) -> set[bytes]:
        """Of both secrets."""
        return {one for one in (self.digest, self.previous_digest) if one is not None}

    def __repr__(self) -> str:
        return f"Held(id={self.id!r})"


async def by_digests(conn: Connection, digests: Sequence[bytes]) -> list[Held]:
    """The keys of all tenants with such a secret, by id; they stay as they are until the transaction ends."""
    return [Held(**record) for record in await conn.fetch(sql("key_by_digests"), list(digests))]


async def reassert(conn: Connection, actor: str, revocations: Sequence[Revocation]) -> list[str]:
    """Revoke keys again that this database has forgotten to be; the ids of those that it had. On disk on return.

    `actor` is who the audit trail names.
    """
    columns = [[getattr(one, field) for one in revocations] for field in Revocation.__struct_fields__]
    async with conn.transaction():
        await conn.execute("SET LOCAL synchronous_commit = on")
        records = await conn.fetch(sql("key_reassert"), *columns, actor)
    return [record["target"] for record in records]
