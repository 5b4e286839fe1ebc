"""What every call of the Hub shares, and the two ways to the database: reading and changing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec

from keystile import Decision
from keystile._core import boottime
from keystile.asgi import STATE_KEY, Receive
from keystile.attachment import Attachment
from keystile.hub.auth import Caller, key_caller, operator_caller
from keystile.hub.database import Database
from keystile.hub.errors import DatabaseUnavailable, NotConfirmed
from keystile.hub.requests import HubRequest
from keystile.hub.rights import check_change
from keystile.hub.secrets import Issuer
from keystile.hub.sessions.service import SignIn
from keystile.hub.waits import Commit, Confirmation, until_applied, until_confirmed, without_machines
from keystile.hub.webhooks.addresses import Reach
from keystile.hub.webhooks.vault import Vault
from keystile.settings import Settings
from keystile.store import feed, receipts
from keystile.store.pool import Connection
from keystile.store.receipts import Standings

SESSION_KEY = "keystile.session"
"""Where a request's state holds the digest of an operator's session, once the request is known to be the console's."""
_LOOK_S = 10.0
"""How long one look at the receipts may take; then the database counts as lost."""


class Call(msgspec.Struct, frozen=True):
    """One request's connection and caller, and later what became of its transaction."""

    connection: Connection
    caller: Caller
    commit: Commit


class Hub:
    """The parts that the composition root put together."""

    def __init__(
        self,
        *,
        settings: Settings,
        attachment: Attachment,
        database: Database,
        issuer: Issuer,
        sign_in: SignIn,
        vault: Vault,
        reach: Reach,
    ) -> None:
        self.settings = settings
        self.attachment = attachment
        self.database = database
        self.issuer = issuer
        self.sign_in = sign_in
        self.vault = vault
        self.reach = reach

    @asynccontextmanager
    async def reading(self, request: HubRequest) -> AsyncIterator[Call]:
        """A call that changes nothing."""
        async with self.database.connection() as connection:
            yield Call(connection, await _caller(connection, request, lock=False), Commit())

    @asynccontextmanager
    async def changing(self, request: HubRequest) -> AsyncIterator[Call]:
        """A call in one transaction; on leaving it waits until this machine's gate has the change.

        RoleRefused for an operator who may only look.
        """
        async with self.change() as (connection, commit):
            caller = await _caller(connection, request, lock=True)
            check_change(caller)
            yield Call(connection, caller, commit)

    @asynccontextmanager
    async def change(self) -> AsyncIterator[tuple[Connection, Commit]]:
        """The same without a caller, for what is known to be allowed in another way."""
        commit = Commit()
        async with self.database.connection() as connection, connection.transaction():
            yield connection, commit
            commit.revision = await feed.settle(connection)
        commit.at_ns = boottime()
        gate = self.attachment.ensure()
        if gate is not None:
            await until_applied(gate, commit.revision)

    @asynccontextmanager
    async def ending(self, request: HubRequest) -> AsyncIterator[Call]:
        """A call in one transaction that changes nothing but the caller's own sessions, as a viewer may too."""
        async with self.database.connection() as connection, connection.transaction():
            yield Call(connection, await _caller(connection, request, lock=True), Commit())

    async def as_of_now(self, call: Call) -> None:
        """Let `confirmed` wait for all that the call has read, as if it had been committed just now.

        For pages that ask later whether a change has arrived: the wait may be longer than need be, never shorter.
        """
        call.commit.revision = await feed.revision(call.connection)
        call.commit.at_ns = boottime()

    async def confirmed(self, request: HubRequest, call: Call) -> Confirmation:
        """Wait until no gate decides without the call's change, or the client has gone.

        NotConfirmed when the database is lost meanwhile; the change is made all the same.
        """
        confirmation = await self.receipts_of(cast("Receive", request.receive), call.commit)
        return confirmation if call.caller.home else without_machines(confirmation)

    async def receipts_of(self, receive: Receive, commit: Commit) -> Confirmation:
        """The same for whoever has sent the request that `receive` belongs to; machines are named."""
        waiting = asyncio.ensure_future(until_confirmed(self._standings, commit))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise NotConfirmed
            return waiting.result()
        finally:
            waiting.cancel()
            leaving.cancel()

    async def _standings(self, revision: int) -> Standings:
        try:
            async with asyncio.timeout(_LOOK_S), self.database.connection() as connection:
                return await receipts.standings(connection, revision)
        except (DatabaseUnavailable, TimeoutError):
            raise NotConfirmed from None


async def _gone(receive: Receive) -> None:
    """Returns when the client has hung up. What is left of its body is of no interest."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _caller(connection: Connection, request: HubRequest, *, lock: bool) -> Caller:
    state = request.scope["state"]
    session: bytes | None = state.get(SESSION_KEY)
    if session is not None:
        return await operator_caller(connection, session, state["request_id"], lock=lock)
    decision: Decision = state[STATE_KEY]
    if decision.key_id is None:
        raise LookupError("a request reached the Hub without a known key")
    return await key_caller(connection, decision.key_id, state["request_id"], lock=lock)
