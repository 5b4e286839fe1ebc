"""The same application in each framework, guarded in the framework's own idiom, over one gate.

`/tickets` needs PSA and answers the key's id, `/both` needs PSA and CRM, `/missing` answers 404, `/fail` fails;
`/health` is open where routes ask for themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from fastapi import Depends, FastAPI, HTTPException
from flask import Flask, abort, request
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import get as litestar_get
from litestar.exceptions import NotFoundException
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import tests.integration.frameworks.django_project  # noqa: F401  configures Django
from keystile import Decision, Gate
from keystile.asgi import KeystileMiddleware
from keystile.fastapi import KeystileDependencies, requires
from keystile.litestar import PUBLIC, KeystilePlugin, requires_scope, scope_guard
from keystile.wsgi import ENVIRON_KEY
from keystile.wsgi import KeystileMiddleware as WSGIMiddleware
from tests.integration.frameworks.calling import Call, asgi, wsgi


def fastapi_app(gate: Gate | None = None, **more: object) -> FastAPI:
    """Routes that ask by a dependency."""
    app = FastAPI()
    app.add_middleware(KeystileDependencies, gate=gate, **more)  # type: ignore[arg-type]

    @app.get("/tickets")
    async def tickets(decision: Annotated[Decision, Depends(requires("PSA"))]) -> str | None:
        return decision.key_id

    @app.get("/both", dependencies=[Depends(requires("PSA")), Depends(requires("CRM"))])
    async def both() -> str:
        return "both"

    @app.get("/missing", dependencies=[Depends(requires("PSA"))])
    async def missing() -> None:
        raise HTTPException(404)

    @app.get("/fail", dependencies=[Depends(requires("PSA"))])
    async def fail() -> None:
        raise RuntimeError("the application failed")

    @app.get("/health")
    async def health() -> str:
        return "fine"

    return app


def starlette_app(gate: Gate) -> Starlette:
    """A middleware for the whole application."""

    async def tickets(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.keystile.key_id)

    async def fail(request: Request) -> PlainTextResponse:
        raise RuntimeError("the application failed")

    guard = Middleware(KeystileMiddleware, "PSA", gate=gate)
    return Starlette(routes=[Route("/tickets", tickets), Route("/fail", fail)], middleware=[guard])


def flask_app(gate: Gate) -> Flask:
    """A middleware for the whole application."""
    app = Flask(__name__)

    @app.get("/tickets")
    def tickets() -> str:
        return str(request.environ[ENVIRON_KEY].key_id)

    @app.get("/missing")
    def missing() -> str:
        abort(404)

    @app.get("/fail")
    def fail() -> str:
        raise RuntimeError("the application failed")

    app.wsgi_app = WSGIMiddleware(app.wsgi_app, "PSA", gate=gate)  # type: ignore[method-assign]
    return app


@litestar_get("/tickets", opt=requires_scope("PSA"))
async def _tickets(request: LitestarRequest) -> str:  # type: ignore[type-arg]
    return str(request.scope["state"]["keystile"].key_id)


@litestar_get("/both", guards=[scope_guard("PSA"), scope_guard("CRM")])
async def _both() -> str:
    return "both"


@litestar_get("/missing", guards=[scope_guard("PSA")])
async def _missing() -> None:
    raise NotFoundException


@litestar_get("/fail", opt=requires_scope("PSA"))
async def _fail() -> None:
    raise RuntimeError("the application failed")


@litestar_get("/health", opt=PUBLIC)
async def _health() -> str:
    return "fine"


def litestar_app(gate: Gate | None = None, **more: object) -> Litestar:
    """Routes that say what they need to a plugin, by an option or by guards."""
    plugin = KeystilePlugin(gate=gate, **more)  # type: ignore[arg-type]
    return Litestar([_tickets, _both, _missing, _fail, _health], plugins=[plugin], logging_config=None)


def _django(gate: Gate, handler: Callable[[], object]) -> object:
    with override_settings(KEYSTILE_GATE=gate):
        return handler()


APPLICATIONS: dict[str, Callable[[Gate], Call]] = {
    "fastapi": lambda gate: asgi(fastapi_app(gate)),
    "starlette": lambda gate: asgi(starlette_app(gate)),
    "flask": lambda gate: wsgi(flask_app(gate)),
    "django-wsgi": lambda gate: wsgi(_django(gate, get_wsgi_application)),
    "django-asgi": lambda gate: asgi(_django(gate, get_asgi_application)),
    "litestar": lambda gate: asgi(litestar_app(gate)),
}
"""By name: what calls the application over a gate."""

BY_ROUTE = ["fastapi", "django-wsgi", "django-asgi", "litestar"]
"""Those in which routes ask for themselves."""
