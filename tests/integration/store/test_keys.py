"""Keys: what is stored comes back, and only to the tenant it belongs to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from keystile.errors import StoreError
from keystile.store import audit, keys
from keystile.store.pool import Connection, connect
from keystile.store.records import Revocation

LATER = datetime.now(UTC) + timedelta(days=30)
PAST = datetime.now(UTC) - timedelta(days=1)


async def test_insert_gives_the_public_record(db: Connection, new_key: Any) -> None:
    new = new_key(name="Ünïcode <b>", note="two\nlines", expires_at=LATER)
    row = await keys.insert(db, new)
    assert (row.id, row.tenant, row.name, row.note) == (new.id, "acme", "Ünïcode <b>", "two\nlines")
    assert (row.scopes, row.tier, row.status, row.disabled) == (["PSA", "CRM"], "Standard", "active", False)
    assert row.expires_at == LATER
    assert row.created_at.utcoffset() == timedelta(0)
    assert (row.revoked_at, row.rotated_at, row.previous_secret_expires_at) == (None, None, None)
    assert await keys.get(db, new.id, "acme") == row


async def test_every_call_by_id_stays_in_its_tenant(db: Connection, new_key: Any) -> None:
    row = await keys.insert(db, new_key())
    digest = b"d" * 32
    for tenant in ("globex", "absent"):
        assert await keys.get(db, row.id, tenant) is None
        assert await keys.get(db, row.id, tenant, lock=True) is None
        assert await keys.update(db, row.id, tenant, {"name": "stolen"}) is None
        assert await keys.revoke(db, row.id, tenant, "stolen") is None
        rotated = await keys.rotate(
            db, row.id, tenant, digest=digest, start="tos_0000", last4="0000", overlap_seconds=0
        )
        assert rotated is None
    assert await keys.get(db, row.id, None) == row


@pytest.mark.parametrize(("field", "value"), [("tenant", "absent"), ("tier", "Absent"), ("scopes", ["PSA", "Absent"])])
async def test_a_key_must_fit_tenants_and_catalogue(db: Connection, new_key: Any, field: str, value: object) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await keys.insert(db, new_key(**{field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", " padded"),
        ("name", "bell\x07"),
        ("name", "c1\x85control"),
        ("id", "key_1"),
        ("id", "key_81j8ym2g0n4tqk0z2v5x7c9b3d"),
        ("digest", b"short"),
        ("last4", "12345"),
    ],
)
async def test_the_table_refuses_what_the_contract_forbids(
    db: Connection, new_key: Any, field: str, value: object
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await keys.insert(db, new_key(**{field: value}))


async def test_a_scope_twice_is_refused(db: Connection, new_key: Any) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await keys.insert(db, new_key(scopes=["PSA", "PSA"]))


async def test_update_changes_just_the_named_fields(db: Connection, new_key: Any) -> None:
    row = await keys.insert(db, new_key(note="kept", expires_at=LATER))
    changed = await keys.update(db, row.id, "acme", {"name": "New", "scopes": []})
    assert changed is not None
    assert (changed.name, changed.scopes, changed.note, changed.expires_at) == ("New", [], "kept", LATER)
    cleared = await keys.update(db, row.id, None, {"note": None, "expires_at": None, "tier": "Enterprise"})
    assert cleared is not None
    assert (cleared.note, cleared.expires_at, cleared.tier, cleared.name) == (None, None, "Enterprise", "New")


@pytest.mark.parametrize("field", ["digest", "tenant", "revoked_at", "name = name; --"])
async def test_update_refuses_other_fields(db: Connection, new_key: Any, field: str) -> None:
    row = await keys.insert(db, new_key())
    with pytest.raises(StoreError):
        await keys.update(db, row.id, None, {field: "x"})


async def test_status_follows_the_order_of_refusals(db: Connection, new_key: Any) -> None:
    row = await keys.insert(db, new_key(expires_at=PAST))
    assert row.status == "expired"
    row = await keys.update(db, row.id, None, {"disabled": True})  # type: ignore[assignment]
    assert row.status == "disabled"
    row = await keys.revoke(db, row.id, None, None)  # type: ignore[assignment]
    assert row.status == "revoked"


async def test_revoking_is_for_good_and_keeps_the_first_reason(db: Connection, new_key: Any) -> None:
    row = await keys.insert(db, new_key())
    first = await keys.revoke(db, row.id, "acme", "leaked")
    again = await keys.revoke(db, row.id, "acme", "other")
    assert first == again
    assert first is not None
    assert first.revoked_reason == "leaked"
    with pytest.raises(asyncpg.RestrictViolationError):
        await db.execute("UPDATE keys SET revoked_at = NULL WHERE id = $1", row.id)


async def test_revocations_that_were_forgotten_are_made_again(db: Connection, new_key: Any) -> None:
    """With the time and the reason they had; what is revoked already, or gone, is left alone and not noted."""
    lost, foreign, known = [await keys.insert(db, new_key(tenant=name)) for name in ("acme", "globex", "acme")]
    before = await keys.revoke(db, known.id, None, "known")
    reasons = {lost.id: "leaked", foreign.id: None, known.id: "other", new_key().id: "of a key that is gone"}
    told = [Revocation(key_id, PAST, reason) for key_id, reason in reasons.items()]
    for expected in ({lost.id, foreign.id}, set()):
        assert set(await keys.reassert(db, "db restore", told)) == expected
    again = [await keys.get(db, key_id, None) for key_id in (lost.id, foreign.id)]
    assert [(row.revoked_at, row.revoked_reason) for row in again if row is not None] == [
        (PAST, "leaked"),
        (PAST, None),
    ]
    assert await keys.get(db, known.id, None) == before
    rows, _ = await audit.page(db, None)
    assert {(row.actor, row.action) for row in rows} == {("db restore", "key.revoke")}
    assert {row.target: (row.tenant, row.detail) for row in rows} == {
        lost.id: ("acme", {"reason": "leaked", "again": True}),
        foreign.id: ("globex", {"reason": None, "again": True}),
    }
    assert len(rows) == 2


async def test_rotation_keeps_the_old_secret_for_the_overlap(db: Connection, new_key: Any) -> None:
    new = new_key()
    await keys.insert(db, new)
    second, third = b"2" * 32, b"3" * 32
    row = await keys.rotate(db, new.id, "acme", digest=second, start="tos_2222", last4="2222", overlap_seconds=60)
    assert row is not None
    assert (row.start, row.last4) == ("tos_2222", "2222")
    assert row.rotated_at is not None
    assert row.previous_secret_expires_at == row.rotated_at + timedelta(seconds=60)
    assert await _digests(db, new.id) == (second, new.digest)
    row = await keys.rotate(db, new.id, "acme", digest=third, start="tos_3333", last4="3333", overlap_seconds=0)
    assert row is not None
    assert row.previous_secret_expires_at is None
    assert await _digests(db, new.id) == (third, None)


async def test_a_revoked_key_is_not_rotated(db: Connection, new_key: Any) -> None:
    row = await keys.insert(db, new_key())
    await keys.revoke(db, row.id, None, None)
    rotated = await keys.rotate(db, row.id, None, digest=b"2" * 32, start="tos_2222", last4="2222", overlap_seconds=5)
    assert rotated is None


async def test_two_changes_of_one_locked_key_take_turns(db: Connection, database_url: str, new_key: Any) -> None:
    row = await keys.insert(db, new_key(name="0"))

    async def count_up() -> None:
        own = await connect(database_url)
        try:
            for _ in range(10):
                async with own.transaction():
                    held = await keys.get(own, row.id, "acme", lock=True)
                    assert held is not None
                    await keys.update(own, row.id, "acme", {"name": str(int(held.name) + 1)})
        finally:
            await own.close()

    await asyncio.gather(*(count_up() for _ in range(4)))
    final = await keys.get(db, row.id, "acme")
    assert final is not None
    assert final.name == "40"


async def _digests(db: Connection, key_id: str) -> tuple[bytes, bytes | None]:
    record = await db.fetchrow("SELECT digest, previous_digest FROM keys WHERE id = $1", key_id)
    assert record is not None
    return record["digest"], record["previous_digest"]
