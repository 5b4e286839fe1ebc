"""The front: sends each path to what answers it, before any framework has looked at it."""

from __future__ import annotations

from collections.abc import Mapping

from keystile.hub.authz import PATH as AUTHZ
from keystile.hub.authz import Authz, query_of
from keystile.hub.health import Health
from keystile.hub.keys.self_revoke import PATH as SELF_REVOKE
from keystile.hub.leaks.endpoint import PATH as LEAKS
from keystile.hub.metrics import Metrics
from keystile.hub.openapi import Description
from keystile.hub.reporting import Reporter
from keystile.hub.verify import PATH as VERIFY
from keystile.hub.verify import Verifier
from keystile.hub.wire import ASGIApp, Envelope, Receive, Scope, Send, respond, respond_problem

CONSOLE = "/console"
_READS = ("GET", "HEAD")


class Front:
    """One ASGI application; `/v1` needs a Hub key or a session, but for what judges by itself; products a key."""

    def __init__(
        self,
        *,
        lifespan: ASGIApp,
        api: ASGIApp,
        console: ASGIApp,
        authz: Authz,
        verifier: Verifier,
        self_revoke: ASGIApp,
        leaks: ASGIApp,
        health: Health,
        metrics: Metrics,
        reporter: Reporter,
        description: Description,
        products: Mapping[str, ASGIApp],
    ) -> None:
        self._lifespan = lifespan
        self._api = api
        self._console = console
        self.authz = authz
        """Answers `/v1/authz`; a server that knows of it may ask it without ASGI's messages."""
        self._verifier = verifier
        self._by_signature_or_secret = {SELF_REVOKE: self_revoke, LEAKS: leaks}
        self._open: dict[str, ASGIApp] = {
            "/": _to_console,
            "/healthz": health.alive,
            "/readyz": health.ready,
            "/metrics": metrics,
            "/openapi.json": description.document,
            "/docs": description.page,
        }
        self._products = dict(products)
        self._rest = Envelope(self._dispatch, reporter.answered)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path: str = scope["path"]
        asked = query_of(path.encode(), scope["query_string"]) if path.startswith(AUTHZ) else None
        if asked is not None:
            await self.authz({**scope, "query_string": asked}, receive, send)
        elif path == VERIFY:
            await self._verifier(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if (app := self._by_signature_or_secret.get(path)) is not None:
            await app(scope, receive, send)
        elif path.startswith("/v1/"):
            await self._api(scope, receive, send)
        elif path.startswith(CONSOLE) and (len(path) == len(CONSOLE) or path[len(CONSOLE)] == "/"):
            await self._console(scope, receive, send)
        elif (product := self._products.get(path)) is not None:
            await product(scope, receive, send)
        elif (page := self._open.get(path)) is None:
            await respond_problem(send, "not_found", scope=scope)
        elif scope["method"] not in _READS:
            allow = [(b"allow", ", ".join(_READS).encode())]
            await respond_problem(send, "method_not_allowed", scope=scope, headers=allow)
        else:
            await page(scope, receive, send)


async def _to_console(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's
    """A person who opens the bare address finds the console."""
    await respond(send, 307, b"", headers=[(b"location", CONSOLE.encode())])
