"""What the Hub does with keys. Each call takes a connection and the caller; changes leave an audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from keystile import new_key_id
from keystile.hub import rights, text
from keystile.hub.auth import Caller
from keystile.hub.errors import Conflict, Faults, NotFound
from keystile.hub.keys import checks, once
from keystile.hub.keys.schemas import CreateKey, IssuedKey, KeyPage, ListedKey, RevokeKey, UpdateKey
from keystile.hub.secrets import Issuer
from keystile.hub.tenants.service import require_tenant
from keystile.hub.trail import record
from keystile.store import catalogue, key_pages, keys, usage
from keystile.store.pool import Connection
from keystile.store.records import KeyFigures, KeyRow, NewKey

_UNROTATABLE = {"revoked": "key_revoked", "disabled": "key_disabled", "expired": "key_expired"}


async def create(connection: Connection, caller: Caller, asked: CreateKey, issuer: Issuer) -> IssuedKey:
    """Issue a key. Invalid, NotFound (tenant) or Escalation."""
    tenant = await require_tenant(connection, caller.acting_for(asked.tenant))
    new, secret = await _new_key(connection, caller, asked, issuer, tenant=tenant, key_id=new_key_id())
    row = await keys.insert(connection, new)
    await _record_created(connection, caller, row)
    return IssuedKey(key=row, secret=secret)


async def create_once(
    connection: Connection, caller: Caller, asked: CreateKey, issuer: Issuer, form: str
) -> IssuedKey | KeyRow:
    """The same for a form that may be sent again: the key alone if this caller's `form` has made one already.

    `form` is the id that the form came with, which `new_key_id` made; NotFound for anything else.
    """
    tenant = await require_tenant(connection, caller.acting_for(asked.tenant))
    key_id = once.key_id(caller.actor, text.key_id(form))
    made = await keys.get(connection, key_id, tenant)
    if made is not None:
        return made
    new, secret = await _new_key(connection, caller, asked, issuer, tenant=tenant, key_id=key_id)
    row = await keys.insert_once(connection, new)
    if row is None:  # the same form, sent twice at once
        return await show(connection, caller, key_id)
    await _record_created(connection, caller, row)
    return IssuedKey(key=row, secret=secret)


async def show(connection: Connection, caller: Caller, key_id: str) -> KeyRow:
    """One key. NotFound for an absent or foreign one."""
    row = await keys.get(connection, text.key_id(key_id), caller.reach)
    if row is None:
        raise NotFound
    return row


async def hold(connection: Connection, caller: Caller, key_id: str) -> KeyRow:
    """The same, and it stays as it is until the transaction ends."""
    row = await keys.get(connection, text.key_id(key_id), caller.reach, lock=True)
    if row is None:
        raise NotFound
    return row


async def page(
    connection: Connection,
    caller: Caller,
    *,
    tenant: str | None,
    scope: str | None,
    tier: str | None,
    **options: Any,
) -> KeyPage:
    """Keys of one tenant; `options` go to the store as they are. Invalid for an unknown scope or tier."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    await _check_filters(connection, scope, tier)
    rows, cursor = await key_pages.page(connection, acting, scope=scope, tier=tier, **options)
    items = [ListedKey(**msgspec.structs.asdict(row), usage=usage) for row, usage in rows]
    return KeyPage(items=items, next_cursor=cursor)


async def figures(connection: Connection, caller: Caller, tenant: str, key_ids: Sequence[str]) -> dict[str, KeyFigures]:
    """What changes by itself about some keys of one tenant, by id; absent and foreign ones are left out."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    return await usage.figures(connection, acting, [key_id for key_id in key_ids if text.is_key_id(key_id)])


async def update(connection: Connection, caller: Caller, key_id: str, asked: UpdateKey) -> KeyRow:
    """Change a key. NotFound, Invalid, Conflict (revoked) or Escalation; no audit row without a change."""
    row = await hold(connection, caller, key_id)
    if row.status == "revoked":
        raise Conflict("key_revoked")
    tiers = {tier.name: tier for tier in await catalogue.tiers(connection)}
    scopes = {scope.name for scope in await catalogue.scopes(connection)}
    changes = checks.changes_of(asked, scopes, tiers)
    rights.check_manage(caller, tiers, row)
    before = msgspec.structs.asdict(row)
    changes = {field: value for field, value in changes.items() if before[field] != value}
    if not changes:
        return row
    after = {**before, **changes}
    rights.check_grant(caller, tiers, scopes=after["scopes"], tier=after["tier"], expires_at=after["expires_at"])
    changed = await keys.update(connection, row.id, row.tenant, changes)
    if changed is None:
        raise NotFound
    detail = {field: {"from": _shown(before[field]), "to": _shown(value)} for field, value in changes.items()}
    await record(connection, caller, "key.update", tenant=row.tenant, target=row.id, detail=detail)
    return changed


async def rotate(
    connection: Connection, caller: Caller, key_id: str, overlap_seconds: int, issuer: Issuer
) -> IssuedKey:
    """Give a key a new secret. NotFound, Conflict (not active) or Escalation."""
    row = await hold(connection, caller, key_id)
    check_rotatable(row)
    tiers = {tier.name: tier for tier in await catalogue.tiers(connection)}
    rights.check_manage(caller, tiers, row)
    overlap_seconds = _within_life(overlap_seconds, row.expires_at)
    issued = issuer.issue()
    rotated = await keys.rotate(
        connection,
        row.id,
        row.tenant,
        digest=issued.digest,
        start=issued.start,
        last4=issued.last4,
        overlap_seconds=overlap_seconds,
    )
    if rotated is None:
        raise NotFound
    detail = {"overlap_seconds": overlap_seconds}
    await record(connection, caller, "key.rotate", tenant=row.tenant, target=row.id, detail=detail)
    return IssuedKey(key=rotated, secret=issued.text)


def check_rotatable(row: KeyRow) -> None:
    """Raise Conflict unless the key is active."""
    if row.status in _UNROTATABLE:
        raise Conflict(_UNROTATABLE[row.status])


async def end_overlap(connection: Connection, caller: Caller, key_id: str) -> KeyRow:
    """End the old secret of a rotated key now. NotFound, or Conflict (revoked). Without an old one nothing changes."""
    row = await hold(connection, caller, key_id)
    if row.status == "revoked":
        raise Conflict("key_revoked")
    if row.previous_secret_expires_at is None:
        return row
    ended = await keys.end_overlap(connection, row.id, row.tenant)
    if ended is None:
        raise NotFound
    detail = {"instead_of": _shown(row.previous_secret_expires_at)}
    await record(connection, caller, "key.end_overlap", tenant=row.tenant, target=row.id, detail=detail)
    return ended


async def revoke(connection: Connection, caller: Caller, key_id: str, asked: RevokeKey) -> KeyRow:
    """Revoke a key for good. NotFound or Invalid. A second time changes nothing, not even the reason."""
    row = await hold(connection, caller, key_id)
    faults = Faults()
    reason = asked.reason and text.paragraph(faults, "reason", asked.reason, longest=text.REASON_CHARS)
    faults.check()
    if row.status == "revoked":
        return row
    revoked = await keys.revoke(connection, row.id, row.tenant, reason or None)
    if revoked is None:
        raise NotFound
    detail = {"reason": revoked.revoked_reason}
    await record(connection, caller, "key.revoke", tenant=row.tenant, target=row.id, detail=detail)
    return revoked


async def _new_key(
    connection: Connection, caller: Caller, asked: CreateKey, issuer: Issuer, *, tenant: str, key_id: str
) -> tuple[NewKey, str]:
    tiers = {tier.name: tier for tier in await catalogue.tiers(connection)}
    known = {scope.name for scope in await catalogue.scopes(connection)}
    faults = Faults()
    name = text.line(faults, "name", asked.name, longest=text.NAME_CHARS)
    scopes = checks.check_scopes(faults, asked.scopes, known)
    tier = checks.check_tier(faults, asked.tier if asked.tier is not None else next(iter(tiers)), tiers)
    expires_at = checks.check_expiry(faults, asked.expires_at)
    note = asked.note and text.paragraph(faults, "note", asked.note, longest=text.NOTE_CHARS)
    faults.check()
    rights.check_grant(caller, tiers, scopes=scopes, tier=tier, expires_at=expires_at)
    issued = issuer.issue()
    new = NewKey(
        id=key_id,
        tenant=tenant,
        name=name,
        start=issued.start,
        last4=issued.last4,
        digest=issued.digest,
        scopes=scopes,
        tier=tier,
        created_by=caller.actor,
        expires_at=expires_at,
        note=note or None,
    )
    return new, issued.text


def creation(row: KeyRow | NewKey) -> dict[str, object]:
    """What the audit row of a new key tells of it."""
    return {"name": row.name, "scopes": row.scopes, "tier": row.tier, "expires_at": _shown(row.expires_at)}


async def _record_created(connection: Connection, caller: Caller, row: KeyRow) -> None:
    await record(connection, caller, "key.create", tenant=row.tenant, target=row.id, detail=creation(row))


async def _check_filters(connection: Connection, scope: str | None, tier: str | None) -> None:
    faults = Faults()
    if scope is not None and scope not in {known.name for known in await catalogue.scopes(connection)}:
        faults.add("scope", "There is no such scope.")
    if tier is not None and tier not in {known.name for known in await catalogue.tiers(connection)}:
        faults.add("tier", "There is no such tier.")
    faults.check()


def _within_life(overlap_seconds: int, expires_at: datetime | None) -> int:
    """The overlap, cut where the key itself ends."""
    if expires_at is None:
        return overlap_seconds
    left = int((expires_at - datetime.now(UTC)).total_seconds())
    return max(0, min(overlap_seconds, left))


def _shown(value: object) -> object:
    """A value as the audit row keeps it."""
    return msgspec.to_builtins(value)
