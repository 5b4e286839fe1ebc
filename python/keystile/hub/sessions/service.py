"""Signing in and out. What takes long, which is hashing a password, holds no connection meanwhile."""

from __future__ import annotations

import msgspec

from keystile import new_key_id
from keystile.hub import text
from keystile.hub.auth import Caller
from keystile.hub.database import Database
from keystile.hub.errors import Faults, NotFound, SignInRefused
from keystile.hub.rights import OWNER
from keystile.hub.sessions import guesses, passwords, tokens
from keystile.hub.sessions.guesses import Devices
from keystile.hub.trail import record
from keystile.store import audit, operators, sessions, tenants
from keystile.store.pool import Connection
from keystile.store.records import OperatorRow

SESSION_S = 12 * 3600.0
"""How long a session lasts."""
LINK_S = 15 * 60.0
"""How long a link is good, and it is good once."""


class Visitor(msgspec.Struct, frozen=True):
    """Who is at the door: the client's address, the browser's device cookie, and the id of the request."""

    client: str
    device: str | None
    request_id: str


class Begun(msgspec.Struct, frozen=True):
    """A session that has begun: what the browser is to keep of it."""

    token: str
    device: str
    operator: OperatorRow

    def __repr__(self) -> str:
        """Never the token."""
        return f"Begun({self.operator.id})"


class SignIn:
    """Begins sessions, by a password or by a link."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._devices = Devices(pepper)

    async def by_password(self, email: str, password: str, visitor: Visitor) -> Begun:
        """SignInRefused for a wrong one as for an absent operator; TooManyGuesses (either costs the same time)."""
        address = text.normal_email(email)
        device = visitor.device if self._devices.recognises(visitor.device, address) else None
        async with self._database.connection() as connection:
            await guesses.take(connection, client=visitor.client, email=address, device=device)
            known = await operators.credentials(connection, address)
        if not await passwords.verify(None if known is None else known.password_hash, password) or known is None:
            raise SignInRefused
        async with self._database.connection() as connection, connection.transaction():
            return await self._begin(connection, known.id, known.password_hash, visitor)

    async def whom(self, token: str) -> str | None:
        """The address of whom a link is for (None: the first operator). NotFound for one that is no good."""
        async with self._database.connection() as connection:
            good, email = await sessions.link_is_good(connection, _digest(token))
        if not good:
            raise NotFound
        return email

    async def by_link(self, token: str, email: str | None, password: str, visitor: Visitor) -> Begun:
        """Choose a password and begin a session; `email` matters for the first operator only. NotFound, Invalid."""
        known = await self.whom(token)
        faults = Faults()
        address = text.email(faults, "email", email or "") if known is None else known
        checked = passwords.check(faults, "password", password, address)
        faults.check()
        password_hash = await passwords.hashed(checked)
        async with self._database.connection() as connection, connection.transaction():
            good, operator_id = await sessions.use_link(connection, _digest(token))
            if not good:
                raise NotFound
            if operator_id is None:
                operator_id = await _first_operator(connection, address, visitor)
            await _set_password(connection, operator_id, password_hash, visitor.request_id)
            return await self._begin(connection, operator_id, password_hash, visitor)

    async def new_password(self, caller: Caller, old: str, password: str, visitor: Visitor) -> Begun:
        """Change the caller's own password: every session ends, and a new one begins. SignInRefused, Invalid."""
        async with self._database.connection() as connection:
            row = await operators.get(connection, caller.actor, caller.tenant)
            if row is None:
                raise SignInRefused
            device = visitor.device if self._devices.recognises(visitor.device, row.email) else None
            await guesses.take(connection, client=visitor.client, email=row.email, device=device)
            known = await operators.credentials(connection, row.email)
        faults = Faults()
        checked = passwords.check(faults, "password", password, row.email)
        faults.check()
        if not await passwords.verify(None if known is None else known.password_hash, old):
            raise SignInRefused
        password_hash = await passwords.hashed(checked)
        async with self._database.connection() as connection, connection.transaction():
            await _set_password(connection, row.id, password_hash, visitor.request_id)
            return await self._begin(connection, row.id, password_hash, visitor)

    async def _begin(self, connection: Connection, operator_id: str, password_hash: str, visitor: Visitor) -> Begun:
        token = tokens.new()
        row = await sessions.begin(connection, _digest(token), operator_id, password_hash, SESSION_S)
        if row is None:
            raise SignInRefused
        await _tell(connection, row, "session.begin", visitor.request_id)
        return Begun(token, self._devices.cookie(row.email), row)


async def sign_out(connection: Connection, caller: Caller, session: bytes) -> None:
    """End this session."""
    if await sessions.end(connection, session) is not None:
        await record(connection, caller, "session.end", tenant=caller.tenant, target=caller.actor, detail={})


async def sign_out_everywhere(connection: Connection, caller: Caller) -> None:
    """End every session of the caller."""
    await sessions.end_all(connection, caller.actor)
    await record(connection, caller, "session.end_all", tenant=caller.tenant, target=caller.actor, detail={})


async def first_link(connection: Connection) -> str | None:
    """The token of a link for the first operator, instead of any before it; None when there is an operator."""
    if await operators.exist(connection):
        return None
    token = tokens.new()
    await sessions.make_link(connection, _digest(token), None, LINK_S)
    return token


async def _first_operator(connection: Connection, email: str, visitor: Visitor) -> str:
    """The owner of everything. NotFound if somebody else was sooner, or there is no home tenant."""
    home = await tenants.home(connection)
    if home is None or await operators.exist(connection):
        raise NotFound
    row = await operators.insert(
        connection, new_operator_id(), tenant=home.id, email=email, role=OWNER, created_by="bootstrap"
    )
    if row is None:
        raise NotFound
    await _tell(connection, row, "operator.create", visitor.request_id, email=row.email, role=row.role)
    return row.id


async def _set_password(connection: Connection, operator_id: str, password_hash: str, request_id: str) -> None:
    row = await operators.set_password(connection, operator_id, password_hash)
    if row is None:
        raise SignInRefused
    # Whoever knew the old one may be signed in.
    await sessions.end_all(connection, row.id)
    await _tell(connection, row, "operator.password", request_id)


async def _tell(connection: Connection, row: OperatorRow, action: str, request_id: str, **detail: object) -> None:
    """What an operator does who is not signed in yet."""
    await audit.write(
        connection,
        actor=row.id,
        tenant=row.tenant,
        action=action,
        target=row.id,
        detail=detail,
        request_id=request_id,
    )


def new_operator_id() -> str:
    """A sortable unique id, as keys have."""
    return "op_" + new_key_id().removeprefix("key_")


def _digest(token: str) -> bytes:
    digest = tokens.digest(token)
    if digest is None:
        raise NotFound
    return digest
