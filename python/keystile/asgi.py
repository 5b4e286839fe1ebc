"""The gate in front of any ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from os import PathLike
from typing import Any

from keystile._core import Explained, Gate
from keystile.attachment import Attachment
from keystile.client_address import TrustedProxies
from keystile.refusals import Refusal, refusal_by, without_gate

__all__ = ["KeystileMiddleware"]

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

STATE_KEY = "keystile"
"""Where the decision stands in the connection scope's `state`."""

CHECKED = frozenset({"http", "websocket"})
"""The kinds of connection that a gate looks at."""

_PREFLIGHT_HEADER = b"access-control-request-method"


class KeystileMiddleware:
    """Lets a request through to `app` only with a live key that holds `scope` and has a token left.

    Every answer carries the rate-limit headers; the status that the application sends counts in the key's usage. The
    decision stands in `scope["state"]["keystile"]`. CORS preflights pass unchecked and uncounted; WebSocket
    handshakes are checked like requests. Without a `gate` it attaches to this machine's (at `segment`, if given) when
    the first request comes; until there is one it answers 503 `gate_stale`.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: str | None = None,
        *,
        gate: Gate | None = None,
        segment: str | PathLike[str] | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._attachment = Attachment(gate, path=segment, scope=scope)
        self._proxies = TrustedProxies(trusted_proxies)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        # One coroutine for the whole of it: each further one would cost about as much as the check.
        attachment = self._attachment_for(scope)
        if attachment is None:
            await self._app(scope, receive, send)
            return
        bound = attachment.bound or attachment.ensure_bound()
        if bound is None:
            await answer(scope, receive, send, without_gate(request_id_of(scope)))
            return
        gate, needed = bound
        decision = gate.check_headers(scope["headers"], needed, self._proxies.client(scope))
        if not decision:
            if decision.code == "gate_stale":
                attachment.renew()
            await answer(scope, receive, send, refusal_by(decision, request_id_of(scope)))
            return
        scope.setdefault("state", {})[STATE_KEY] = decision
        explained = Explained(decision, send)
        try:
            await self._app(scope, receive, explained)
        except Exception as error:  # noqa: BLE001 - whatever it is
            try:
                await self._failed(error, scope, receive, explained)
            except Exception:
                gate.finish(decision, 500)
                raise
        # Where nothing was answered the server sends 500. (A request that was cancelled has nobody to answer to.)
        gate.finish(decision, 500)

    async def _failed(self, error: Exception, scope: ASGIScope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer in place of the application, which failed; here that is left to what stands in front."""
        raise error

    def _attachment_for(self, scope: ASGIScope) -> Attachment | None:
        """What to ask for a connection; None where nothing is asked."""
        if scope["type"] not in CHECKED or (scope.get("method") == "OPTIONS" and is_preflight(scope)):
            return None
        return self._attachment


def is_preflight(scope: ASGIScope) -> bool:
    """Whether a request is a CORS preflight, which browsers send without credentials."""
    if scope.get("method") != "OPTIONS":
        return False
    return any(name == _PREFLIGHT_HEADER for name, _ in scope["headers"])


def request_id_of(scope: ASGIScope) -> str | None:
    """The request id that something in front of the gate has given this request."""
    found = scope.get("state", {}).get("request_id")
    return found if isinstance(found, str) else None


async def answer(scope: ASGIScope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer with a refusal; to a WebSocket handshake too, where the server can."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        prefix = "websocket."
    start = {"type": f"{prefix}http.response.start", "status": refusal.status, "headers": refusal.headers}
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": refusal.body})
