"""What every call of the Hub shares, and the two ways to the database: reading and changing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from keystile import Decision
from keystile.asgi import STATE_KEY
from keystile.attachment import Attachment
from keystile.hub.auth import Caller, load_caller
from keystile.hub.database import Database
from keystile.hub.requests import HubRequest
from keystile.hub.secrets import Issuer
from keystile.hub.waits import until_applied
from keystile.settings import Settings
from keystile.store import feed
from keystile.store.pool import Connection


class Session(msgspec.Struct, frozen=True):
    """One request's connection and caller."""

    connection: Connection
    caller: Caller


class Hub:
    """The parts that the composition root put together."""

    def __init__(self, *, settings: Settings, attachment: Attachment, database: Database, issuer: Issuer) -> None:
        self.settings = settings
        self.attachment = attachment
        self.database = database
        self.issuer = issuer

    @asynccontextmanager
    async def reading(self, request: HubRequest) -> AsyncIterator[Session]:
        """A session that changes nothing."""
        async with self.database.connection() as connection:
            yield Session(connection, await _caller(connection, request, lock=False))

    @asynccontextmanager
    async def changing(self, request: HubRequest) -> AsyncIterator[Session]:
        """A session in one transaction; on leaving it waits until this machine's gate has the change."""
        async with self.database.connection() as connection, connection.transaction():
            yield Session(connection, await _caller(connection, request, lock=True))
            revision = await feed.settle(connection)
        gate = self.attachment.ensure()
        if gate is not None:
            await until_applied(gate, revision)


async def _caller(connection: Connection, request: HubRequest, *, lock: bool) -> Caller:
    state = request.scope["state"]
    decision: Decision = state[STATE_KEY]
    if decision.key_id is None:
        raise LookupError("a request reached the Hub without a known key")
    return await load_caller(connection, decision.key_id, state["request_id"], lock=lock)
