"""The applications that are served side by side; each answers GET with a few bytes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litestar import Litestar, get
from litestar.middleware.rate_limit import RateLimitConfig

from benchmarks.worlds import LARGEST
from keystile import Gate
from keystile.asgi import ASGIApp, ASGIScope, KeystileMiddleware, Receive, Send
from keystile.hub.app import create_app
from keystile.settings import Settings

SCOPE = "PSA"
AUTHZ_HEADERS = 11
"""Of caching, request id, limits and identity; the length comes on top."""
HAS_PLUGIN = importlib.util.find_spec("keystile.litestar") is not None


@get("/", sync_to_thread=False)
def hello() -> dict[str, str]:
    """The application's own work: as little as there can be."""
    return {"hello": "world"}


def bare(gate: Gate, folder: Path) -> Any:  # noqa: ARG001 - all applications are made alike
    """Litestar and nothing else."""
    return Litestar([hello], logging_config=None, openapi_config=None)


def middleware(gate: Gate, folder: Path) -> Any:
    """The same behind `KeystileMiddleware`."""
    return KeystileMiddleware(bare(gate, folder), scope=SCOPE, gate=gate)


def plugin(gate: Gate, folder: Path) -> Any:  # noqa: ARG001
    """The same with the plugin, which asks for the scope that the route names."""
    from keystile.litestar import KeystilePlugin, requires_scope  # noqa: PLC0415 - where there is one

    @get("/", sync_to_thread=False, opt=requires_scope(SCOPE))
    def guarded() -> dict[str, str]:
        return {"hello": "world"}

    return Litestar([guarded], plugins=[KeystilePlugin(gate=gate)], logging_config=None, openapi_config=None)


def litestar_limiter(gate: Gate, folder: Path) -> Any:  # noqa: ARG001
    """Litestar's own limiter, which knows no keys: one budget for each address, in this process."""
    config = RateLimitConfig(rate_limit=("second", LARGEST))
    return Litestar([hello], middleware=[config.middleware], logging_config=None, openapi_config=None)


def authz(gate: Gate, folder: Path) -> Any:
    """The whole Hub, asked for `/v1/authz`; its database is away, which that path does not notice."""
    settings = Settings(data=folder, pepper="07" * 32, database_url=f"postgresql://nobody@/none?host={folder}")
    return create_app(settings, gate)


def authz_by_asgi(gate: Gate, folder: Path) -> ASGIApp:
    """The same as an application like any other, as a server of somebody else's would run it."""
    app = authz(gate, folder)

    async def plain(scope: ASGIScope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return plain


def empty(gate: Gate, folder: Path) -> ASGIApp:  # noqa: ARG001
    """The least that this server can answer with."""
    return _answering([])


def headers_only(gate: Gate, folder: Path) -> ASGIApp:  # noqa: ARG001
    """The same with as many headers as `/v1/authz` has: what this server takes for writing them."""
    return _answering([(b"x-header-%d" % number, b"of the usual length of one") for number in range(AUTHZ_HEADERS)])


def _answering(headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    headers = [(b"content-length", b"0"), *headers]

    async def app(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return app


APPS: dict[str, Callable[[Gate, Path], Any]] = {
    "bare": bare,
    "middleware": middleware,
    **({"plugin": plugin} if HAS_PLUGIN else {}),
    "litestar_limiter": litestar_limiter,
    "authz": authz,
    "authz_by_asgi": authz_by_asgi,
    "empty": empty,
    "headers_only": headers_only,
}
PATHS = dict.fromkeys(["authz", "authz_by_asgi"], f"/v1/authz?scope={SCOPE}")
"""What each is asked for; `/` where nothing is said."""
