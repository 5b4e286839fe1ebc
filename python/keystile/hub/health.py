"""Whether the process lives, and whether its gate can decide."""

from __future__ import annotations

import asyncio
import time

from keystile.attachment import Attachment
from keystile.hub.database import Database
from keystile.hub.errors import DatabaseUnavailable
from keystile.hub.wire import Receive, Scope, Send, respond
from keystile.store import quarantine

_OK = b'{"status":"ok"}'
_STALE = b'{"status":"stale"}'
_QUARANTINED = (
    b'{"status":"quarantined","detail":"The database was restored from a backup and may lack revocations. An agent that'
    b' remembers them all ends this, or keystile db restore --confirm-loss."}'
)
_ASK_S = 1.0
"""How long, and how often at most, the database is asked why the gate is stale."""


class Health:
    """Open to everyone: none of it names a key."""

    def __init__(self, attachment: Attachment, database: Database) -> None:
        self._attachment = attachment
        self._database = database
        self._reason = _STALE
        self._next_s = 0.0

    async def alive(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """200 while the process answers at all, database or not."""
        await respond(send, 200, _OK)

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """200 while the gate can decide, else 503."""
        gate = self._attachment.ensure()
        if gate is not None and gate.fresh:
            await respond(send, 200, _OK)
        else:
            self._attachment.renew()
            await respond(send, 503, await self._why(), headers=[(b"retry-after", b"1")])

    async def _why(self) -> bytes:
        """What keeps the gate from deciding; however often that is asked, the database is so once a second."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _ASK_S
            try:
                async with asyncio.timeout(_ASK_S), self._database.connection() as connection:
                    found = await quarantine.state(connection)
                self._reason = _STALE if found is None else _QUARANTINED
            except (DatabaseUnavailable, TimeoutError):
                self._reason = _STALE
        return self._reason
