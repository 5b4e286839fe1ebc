"""The gate in front of the routes of a Litestar application.

```python
app = Litestar([tickets, deals, health], plugins=[KeystilePlugin()])


@get("/tickets", opt=requires_scope("PSA"))
async def tickets() -> list[Ticket]: ...


@get("/deals", guards=[scope_guard("CRM")])
async def deals() -> list[Deal]: ...


@get("/health", opt=PUBLIC)
async def health() -> str: ...
```
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from functools import cache
from os import PathLike
from typing import Any

from litestar import Request, Response
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler, WebsocketRouteHandler
from litestar.middleware._internal.exceptions import ExceptionHandlerMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityRequirement, SecurityScheme
from litestar.plugins import InitPlugin, ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute, WebSocketRoute
from litestar.types import ASGIApp as LitestarApp

from keystile._core import Decision, Gate
from keystile.asgi import (
    STATE_KEY,
    ASGIApp,
    ASGIScope,
    KeystileMiddleware,
    Receive,
    Send,
    is_preflight,
    request_id_of,
)
from keystile.asking import holds
from keystile.attachment import Attachment, AttachmentsByScope
from keystile.problems import CONTENT_TYPE
from keystile.refusals import Refusal, lacking

__all__ = ["PUBLIC", "KeystilePlugin", "requires_scope"]

_SCOPE_OPTION = "keystile_scope"
_PUBLIC_OPTION = "keystile_public"
_SCHEME = "Keystile"

PUBLIC: dict[str, Any] = {_PUBLIC_OPTION: True}
"""The `opt` of a route, router or application part that needs no key."""


def requires_scope(scope: str) -> dict[str, Any]:
    """The `opt` of a route, router or controller whose key must hold `scope`."""
    return {_SCOPE_OPTION: scope, _PUBLIC_OPTION: False}


@cache
def scope_guard(scope: str) -> _ScopeGuard:
    """A guard for `guards=[…]`: the key must hold `scope` too, besides what `opt` and other guards ask for.

    A request is asked about once, in front of everything, and pays one token: a second scope is looked up in what the
    gate found. A route with such a guard is never public, and fails with 500 while the plugin is missing.
    """
    return _ScopeGuard(scope)


class _ScopeGuard:
    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        scope: Any = connection.scope
        if is_preflight(scope):
            return
        decision = scope.get("state", {}).get(STATE_KEY)
        if not isinstance(decision, Decision):
            raise TypeError("a route has a scope_guard, but the application lacks the KeystilePlugin")
        if not holds(decision, self.scope):
            raise _Refused(decision, lacking(decision, self.scope, request_id_of(scope)))


class _Refused(Exception):  # no HTTPException: an application's handler for 403 would replace the answer
    def __init__(self, decision: Decision, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        explained = {name for name, _ in decision.asgi_headers}
        self.status, self.body = refusal.status, refusal.body
        # What explains the decision is put onto every answer of the route, so onto this one too.
        self.headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in refusal.headers if name not in explained
        }


def _refuse(_: Request[Any, Any, Any], refused: _Refused) -> Response[bytes]:
    return Response(refused.body, status_code=refused.status, media_type=CONTENT_TYPE, headers=refused.headers)


class KeystilePlugin(InitPlugin, ReceiveRoutePlugin):
    """Lets requests through to routes only with a live key that holds the route's scope and has a token left.

    A route says what it needs by `opt=requires_scope(…)` or a `scope_guard(…)`, or that it needs nothing by
    `opt=PUBLIC`; every other one needs `scope`, and if that is None any scope at all. Costs what
    `keystile.asgi.KeystileMiddleware` costs: the route is known when the gate is asked, so nothing is looked up twice.
    The decision stands in `request.scope["state"]["keystile"]`. The application's OpenAPI document gets the security
    scheme `Keystile`, and each route that needs a key names it, with its scopes.
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
        """Put the gate in front of every route, before any other middleware, and its scheme into the document."""
        app_config.middleware.insert(0, self._middleware)
        app_config.exception_handlers = {**app_config.exception_handlers, _Refused: _refuse}
        if app_config.openapi_config is not None:
            app_config.openapi_config = _with_scheme(app_config.openapi_config)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Note at a route's handlers what they need: for the gate, so that it is asked once, and for the document."""
        for handler in _handlers_of(route):
            guarded = [guard.scope for guard in handler.resolve_guards() if isinstance(guard, _ScopeGuard)]
            public, needed = handler.opt.get(_PUBLIC_OPTION), handler.opt.get(_SCOPE_OPTION)
            if guarded and (public or needed is None):
                public, needed = False, guarded[0]
                handler.opt.update(requires_scope(needed))
            if not public and isinstance(handler, HTTPRouteHandler):
                _require(handler, [needed or self._scope, *guarded])

    def _middleware(self, app: LitestarApp) -> LitestarApp:
        return _RouteGate(  # type: ignore[return-value]  # ASGI by shape; Litestar types its scopes more narrowly
            app,  # type: ignore[arg-type]
            self._scope,
            gate=self._gate,
            segment=self._segment,
            trusted_proxies=self._trusted_proxies,
        )


def _handlers_of(route: BaseRoute) -> list[HTTPRouteHandler] | list[WebsocketRouteHandler]:
    if isinstance(route, HTTPRoute):
        return route.route_handlers
    return [route.route_handler] if isinstance(route, WebSocketRoute) else []


def _with_scheme(config: OpenAPIConfig) -> OpenAPIConfig:
    """The same with our security scheme beside those that are there."""
    scheme = SecurityScheme(type="http", scheme="bearer", description="A key: `Authorization: Bearer <key>`.")
    ours = Components(security_schemes={_SCHEME: scheme})
    config = copy(config)
    theirs = config.components if isinstance(config.components, list) else [config.components]
    config.components = [*theirs, ours]
    return config


def _require(handler: HTTPRouteHandler, scopes: list[str | None]) -> None:
    """Name the scheme in each of the handler's alternatives: whatever else it takes, it takes a key too."""
    roles = [scope for scope in dict.fromkeys(scopes) if scope is not None]
    alternatives: list[SecurityRequirement] = handler.resolve_security()
    alternatives[:] = [{**other, _SCHEME: roles} for other in alternatives or [{}]]


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
