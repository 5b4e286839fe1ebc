"""The gate in front of the routes of a Litestar application.

```python
app = Litestar([tickets, health], plugins=[KeystilePlugin()])


@get("/tickets", opt=requires_scope("PSA"))
async def tickets() -> list[Ticket]: ...


@get("/health", opt=PUBLIC)
async def health() -> str: ...
```
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any

from litestar.config.app import AppConfig
from litestar.middleware._internal.exceptions import ExceptionHandlerMiddleware
from litestar.plugins import InitPlugin
from litestar.types import ASGIApp as LitestarApp

from keystile._core import Gate
from keystile.asgi import ASGIApp, ASGIScope, KeystileMiddleware, Receive, Send, is_preflight
from keystile.attachment import Attachment, AttachmentsByScope

__all__ = ["PUBLIC", "KeystilePlugin", "requires_scope"]

_SCOPE_OPTION = "keystile_scope"
_PUBLIC_OPTION = "keystile_public"

PUBLIC: dict[str, Any] = {_PUBLIC_OPTION: True}
"""The `opt` of a route, router or application part that needs no key."""


def requires_scope(scope: str) -> dict[str, Any]:
    """The `opt` of a route, router or controller whose key must hold `scope`."""
    return {_SCOPE_OPTION: scope, _PUBLIC_OPTION: False}


class KeystilePlugin(InitPlugin):
    """Lets requests through to routes only with a live key that holds the route's scope and has a token left.

    A route says what it needs by `opt=requires_scope(…)`, or that it needs nothing by `opt=PUBLIC`; every other one
    needs `scope`, and if that is None any scope at all. Costs what `keystile.asgi.KeystileMiddleware` costs: the route
    is known when the gate is asked, so nothing is looked up twice. The decision stands in
    `request.scope["state"]["keystile"]`.
    """

    def __init__(
        self,
        scope: str | None = None,
        *,
        gate: Gate | None = None,
        segment: str | PathLike[str] | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._scope = scope
        self._gate = gate
        self._segment = segment
        self._trusted_proxies = tuple(trusted_proxies)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Put the gate in front of every route, before any other middleware."""
        app_config.middleware.insert(0, self._middleware)
        return app_config

    def _middleware(self, app: LitestarApp) -> LitestarApp:
        return _RouteGate(  # type: ignore[return-value]  # ASGI by shape; Litestar types its scopes more narrowly
            app,  # type: ignore[arg-type]
            self._scope,
            gate=self._gate,
            segment=self._segment,
            trusted_proxies=self._trusted_proxies,
        )


class _RouteGate(KeystileMiddleware):
    """Asks the gate for the scope of the route. Litestar makes one of these for each handler of a route."""

    def __init__(
        self, app: ASGIApp, scope: str | None, *, gate: Gate | None, segment: str | PathLike[str] | None, **more: Any
    ) -> None:
        super().__init__(_without_handler(app), scope, gate=gate, segment=segment, **more)
        self._outer = app
        self._by_scope = AttachmentsByScope(gate, segment)

    def _attachment_for(self, scope: ASGIScope) -> Attachment | None:
        options = scope["route_handler"].opt
        if options.get(_PUBLIC_OPTION) or (scope.get("method") == "OPTIONS" and is_preflight(scope)):
            return None
        needed = options.get(_SCOPE_OPTION)
        return self._attachment if needed is None else self._by_scope[needed]

    async def _failed(self, error: Exception, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if self._app is self._outer:
            raise error

        async def fails(*_: object) -> None:
            raise error

        # The answer to an error carries the gate's headers too, so it is made here.
        await type(self._outer)(fails, debug=None)(scope, receive, send)  # type: ignore[misc]


def _without_handler(app: ASGIApp) -> ASGIApp:
    """The route itself, where `app` is no more than Litestar's handler of exceptions around it.

    Litestar puts one behind the middleware of a route. Its coroutine, and one more for each message, cost more than
    the gate does, and are needed only when something fails: see `_RouteGate._failed`.
    """
    return app.app if type(app) is ExceptionHandlerMiddleware else app  # type: ignore[return-value]
