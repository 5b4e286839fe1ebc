"""The way into the API: by a key, which the gate decides on, or by the session of an operator's browser."""

from __future__ import annotations

from keystile.client_address import TrustedProxies
from keystile.hub.context import SESSION_KEY
from keystile.hub.sessions import cookies, same_site, tokens
from keystile.hub.wire import ASGIApp, Receive, Scope, Send, respond_problem


class Door:
    """An ASGI application around the API. A credential header always wins: the gate sees to it."""

    def __init__(self, api: ASGIApp, guarded: ASGIApp, proxies: TrustedProxies) -> None:
        self._api = api
        self._guarded = guarded
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for HTTP only."""
        if any(name == b"authorization" for name, _ in scope["headers"]):
            await self._guarded(scope, receive, send)
            return
        token = cookies.read(scope, cookies.SESSION, secure=self._proxies.is_https(scope))
        session = None if token is None else tokens.digest(token)
        if session is None:
            await self._guarded(scope, receive, send)
        elif not same_site.is_ours(scope):
            await respond_problem(send, "cross_site", scope=scope)
        else:
            scope["state"][SESSION_KEY] = session
            await self._api(scope, receive, send)
