"""The first start: the catalogue, the home tenant, and the key that all other keys come from."""

from __future__ import annotations

import os
import tempfile
from importlib.resources import files
from pathlib import Path

from keystile import checksum_ok, new_key_id
from keystile.errors import SettingsError, StoreError
from keystile.hub import operator_grants
from keystile.hub.secrets import Issued, Issuer
from keystile.settings import Settings, pepper_bytes
from keystile.store import audit, catalogue, keys, tenants
from keystile.store.pool import Connection
from keystile.store.records import NewKey, TenantRow

OPERATOR_FILE = "operator.key"
ACTOR = "bootstrap"
HOME = "home"

_STATE = files(__package__).joinpath("bootstrap.sql").read_text("utf-8")
_FIRST_KEYS = "SELECT id FROM keys WHERE created_by = 'bootstrap' AND revoked_at IS NULL ORDER BY id"


async def bootstrap(connection: Connection, settings: Settings) -> Path | None:
    """Bring the database to what the settings say, and leave the first Hub key in the data folder.

    Gives the path of `operator.key`; None when that file is gone although its key still lives, which only an
    operator can sort out. Safe to repeat. SettingsError when the file is there but holds no key.
    """
    path = settings.data / OPERATOR_FILE
    async with connection.transaction():
        # Two Hubs that start on one new database must not both make the first key.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('keystile bootstrap'))")
        earlier = await operator_grants.before(connection)
        await catalogue.apply(connection, settings.scopes, settings.tiers)
        first = [record["id"] for record in await connection.fetch(_FIRST_KEYS)]
        await operator_grants.extend(connection, settings, earlier, first, ACTOR)
        home = await tenants.home(connection)
        if home is None:
            home = await tenants.insert(connection, HOME, "Home", home=True)
        if home is None:
            raise StoreError(f"the tenant {HOME!r} exists, but no tenant is marked as the home tenant")
        issued = await _first_key(connection, settings, path)
        if issued is not None:
            await _insert(connection, settings, home, issued)
    return path if _is_there(path) else None


async def _first_key(connection: Connection, settings: Settings, path: Path) -> Issued | None:
    """The first key, if it is still to be stored.

    The file is on disk before the key is committed. A crash between the two leaves a file whose key nobody
    knows; the next start adopts that one, so that the only key there is can never be lost.
    """
    issuer = Issuer(settings.prefix, pepper_bytes(settings)[0])
    kept = _read(path, settings.prefix)
    found = None if kept is None else issuer.adopt(kept)
    state = await connection.fetchrow(_STATE, None if found is None else found.digest)
    if state is None or state["live"] or state["known"]:
        return None
    if found is not None:
        return found
    issued = issuer.issue()
    _write(path, issued.text)
    return issued


async def _insert(connection: Connection, settings: Settings, home: TenantRow, issued: Issued) -> None:
    row = await keys.insert(
        connection,
        NewKey(
            id=new_key_id(),
            tenant=home.id,
            name="Operator",
            start=issued.start,
            last4=issued.last4,
            digest=issued.digest,
            scopes=[scope.name for scope in settings.scopes],
            tier=operator_grants.largest(settings.tiers).name,
            created_by=ACTOR,
            expires_at=None,
            note="The first key of this Hub.",
        ),
    )
    await audit.write(
        connection,
        actor=ACTOR,
        tenant=home.id,
        action="key.create",
        target=row.id,
        detail={"name": row.name, "scopes": row.scopes, "tier": row.tier},
        request_id=None,
    )


def _is_there(path: Path) -> bool:
    return path.exists()


def _read(path: Path, prefix: str) -> str | None:
    """The secret in the file; None without a file."""
    try:
        text = path.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if not checksum_ok(text, prefix):
        raise SettingsError(f"{path} holds no key; move it away to have a new one made")
    return text


def _write(path: Path, secret: str) -> None:
    """A whole file of mode 0600, on disk for good, or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".operator-")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secret + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
