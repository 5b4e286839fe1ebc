"""Who is calling: a key that the gate let pass or an operator who is signed in, as the database knows them now."""

from __future__ import annotations

from datetime import datetime

import msgspec

from keystile.catalogue_settings import HUB_SCOPE
from keystile.hub.errors import CallerRefused, NotFound
from keystile.store import keys, sessions, tenants
from keystile.store.pool import Connection

_REFUSALS = {"revoked": "revoked_key", "disabled": "disabled_key", "expired": "expired_key"}


class Holdings(msgspec.Struct, frozen=True):
    """What a key holds, which is the most that it can give."""

    scopes: tuple[str, ...]
    tier: str
    expires_at: datetime | None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, for which tenant, and in which request."""

    actor: str
    """The id of the key or the operator."""
    name: str
    """The key's name or the operator's address."""
    tenant: str
    home: bool
    role: str | None
    """An operator's: owner, admin or viewer; None for a key."""
    holdings: Holdings | None
    """A key's; None for an operator, who holds nothing and may give everything."""
    request_id: str

    @property
    def reach(self) -> str | None:
        """The one tenant whose objects the caller can reach by id; None: every tenant."""
        return None if self.home else self.tenant

    def acting_for(self, tenant: str | None) -> str:
        """The tenant to act in: the one asked for, or the caller's own.

        NotFound for a foreign one, exactly as for one that does not exist.
        """
        if tenant is None or tenant == self.tenant:
            return self.tenant
        if not self.home:
            raise NotFound("No such tenant.")
        return tenant


async def key_caller(connection: Connection, key_id: str, request_id: str, *, lock: bool) -> Caller:
    """The key, held until the end of the transaction with `lock`: what it may give cannot shrink meanwhile.

    CallerRefused when the key is no longer good: the gate may be some milliseconds behind.
    """
    row = await keys.get(connection, key_id, None, lock=lock)
    if row is None:
        raise CallerRefused("unknown_key")
    if row.status != "active":
        raise CallerRefused(_REFUSALS[row.status])
    if HUB_SCOPE not in row.scopes:
        raise CallerRefused("insufficient_scope")
    home = await tenants.home(connection)
    return Caller(
        actor=row.id,
        name=row.name,
        tenant=row.tenant,
        home=home is not None and home.id == row.tenant,
        role=None,
        holdings=Holdings(tuple(row.scopes), row.tier, row.expires_at),
        request_id=request_id,
    )


async def operator_caller(connection: Connection, session: bytes, request_id: str, *, lock: bool) -> Caller:
    """The operator whose session it is, held as a key would be with `lock`. CallerRefused when the session is over."""
    row = await sessions.get(connection, session, lock=lock)
    if row is None:
        raise CallerRefused("session_ended")
    return Caller(
        actor=row.id,
        name=row.email,
        tenant=row.tenant,
        home=row.home,
        role=row.role,
        holdings=None,
        request_id=request_id,
    )
