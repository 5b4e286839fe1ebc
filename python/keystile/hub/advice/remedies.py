"""Following advice, as long as it is given: a page may be old, and then nothing may be changed by its buttons.

Every remedy holds the key until the transaction ends, answers None and changes nothing where the advice is no longer
given, and raises NotFound for a key that is not the tenant's.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from keystile.hub.advice import service
from keystile.hub.advice.schemas import Advice, Kind
from keystile.hub.auth import Caller
from keystile.hub.errors import NotFound
from keystile.hub.keys import service as keys
from keystile.hub.keys.schemas import UpdateKey
from keystile.store.pool import Connection
from keystile.store.records import KeyRow


async def expire(
    connection: Connection, caller: Caller, tenant: str, key_id: str, expires_at: datetime
) -> KeyRow | None:
    """Give an end to a key that never expires. Invalid for one that is past."""
    row, given = await _given(connection, caller, tenant, key_id, "no_expiry")
    if given is None:
        return None
    return await keys.update(connection, caller, row.id, UpdateKey(expires_at=expires_at))


async def disable(connection: Connection, caller: Caller, tenant: str, key_id: str) -> KeyRow | None:
    """Disable a key that nobody uses."""
    row, given = await _given(connection, caller, tenant, key_id, "unused")
    if given is None:
        return None
    return await keys.update(connection, caller, row.id, UpdateKey(disabled=True))


async def drop_scopes(
    connection: Connection, caller: Caller, tenant: str, key_id: str, scopes: Collection[str]
) -> KeyRow | None:
    """Take those of the `scopes` from a key that it does not use; never its last one, for then it would open nothing.

    Scopes that it came not to use since the reader was told are left: nobody has decided on them.
    """
    row, given = await _given(connection, caller, tenant, key_id, "unused_scopes")
    unused = set(scopes) & set((given and given.scopes) or ())
    left = [scope for scope in row.scopes if scope not in unused]
    if not unused or not left:
        return None
    return await keys.update(connection, caller, row.id, UpdateKey(scopes=left))


async def _given(
    connection: Connection, caller: Caller, tenant: str, key_id: str, kind: Kind
) -> tuple[KeyRow, Advice | None]:
    """The key, held, and the advice of this kind about it as of now."""
    row = await keys.hold(connection, caller, key_id)
    if row.tenant != tenant:
        raise NotFound
    found = await service.of_keys(connection, caller, tenant, [row.id])
    return row, next((one for one in found.get(row.id, ()) if one.kind == kind), None)
