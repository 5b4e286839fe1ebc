"""Who is calling: the key that the gate let pass, as the database knows it now."""

from __future__ import annotations

import msgspec

from keystile.catalogue_settings import HUB_SCOPE
from keystile.hub.errors import CallerRefused, NotFound
from keystile.store import keys, tenants
from keystile.store.pool import Connection
from keystile.store.records import KeyRow

_REFUSALS = {"revoked": "revoked_key", "disabled": "disabled_key", "expired": "expired_key"}


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The key that asks, whether its tenant is the home tenant, and the id of its request."""

    key: KeyRow
    home: bool
    request_id: str

    @property
    def tenant(self) -> str:
        """The caller's own tenant."""
        return self.key.tenant

    @property
    def reach(self) -> str | None:
        """The one tenant whose objects the caller can reach by id; None: every tenant."""
        return None if self.home else self.key.tenant

    def acting_for(self, tenant: str | None) -> str:
        """The tenant to act in: the one asked for, or the caller's own.

        NotFound for a foreign one, exactly as for one that does not exist.
        """
        if tenant is None or tenant == self.key.tenant:
            return self.key.tenant
        if not self.home:
            raise NotFound("No such tenant.")
        return tenant


async def load_caller(connection: Connection, key_id: str, request_id: str, *, lock: bool) -> Caller:
    """The caller's row, held until the end of the transaction with `lock`: what it may give cannot shrink meanwhile.

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
    return Caller(key=row, home=home is not None and home.id == row.tenant, request_id=request_id)
