"""A Starlette application behind the middleware."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from keystile import Gate
from keystile.asgi import KeystileMiddleware


def starlette_app(gate: Gate | None = None) -> Starlette:
    """The application over a gate, or over this machine's."""

    async def tickets(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.keystile.key_id)

    async def fail(request: Request) -> PlainTextResponse:
        raise RuntimeError("the application failed")

    guard = Middleware(KeystileMiddleware, "PSA", gate=gate)
    return Starlette(routes=[Route("/tickets", tickets), Route("/fail", fail)], middleware=[guard])
