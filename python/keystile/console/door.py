"""The way into the console: knows sessions by their cookie, and turns away what another site sent."""

from __future__ import annotations

from collections.abc import Mapping

from keystile.asgi import Message
from keystile.client_address import TrustedProxies
from keystile.console import assets
from keystile.console.security import PAGE_HEADERS, STATIC_HEADERS
from keystile.hub.context import SESSION_KEY
from keystile.hub.sessions import cookies, same_site, tokens
from keystile.hub.wire import ASGIApp, RawHeaders, Receive, Scope, Send, respond, respond_problem


class ConsoleDoor:
    """An ASGI application around the console's pages; it serves the static files itself."""

    def __init__(self, pages: ASGIApp, proxies: TrustedProxies) -> None:
        self._pages = pages
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for HTTP only."""
        if scope["path"].startswith(assets.PREFIX):
            await _static(scope, send)
        elif not same_site.is_ours(scope):
            await respond_problem(send, "cross_site", scope=scope)
        else:
            token = cookies.read(scope, cookies.SESSION, secure=self._proxies.is_https(scope))
            digest = None if token is None else tokens.digest(token)
            # No session has an empty digest: without a cookie every page that needs one says so.
            scope["state"][SESSION_KEY] = digest or b""
            await self._pages(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def send_page(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_PAGE_HEADERS]
        await send(message)

    return send_page


async def _static(scope: Scope, send: Send) -> None:
    asset = assets.served(scope["path"].removeprefix(assets.PREFIX))
    if asset is None:
        await respond_problem(send, "not_found", scope=scope)
    elif scope["method"] not in {"GET", "HEAD"}:
        await respond_problem(send, "method_not_allowed", scope=scope, headers=[(b"allow", b"GET, HEAD")])
    else:
        await respond(send, 200, asset.body, media_type=asset.media_type.encode(), headers=_STATIC_HEADERS)


def _raw(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_PAGE_HEADERS, _STATIC_HEADERS = _raw(PAGE_HEADERS), _raw(STATIC_HEADERS)
