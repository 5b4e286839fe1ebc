"""A Litestar application whose routes say what they need to the plugin, by an option or by guards."""

from __future__ import annotations

from litestar import Litestar, Request, get
from litestar.exceptions import NotFoundException

from keystile import Gate
from keystile.litestar import PUBLIC, KeystilePlugin, requires_scope, scope_guard


@get("/tickets", opt=requires_scope("PSA"))
async def _tickets(request: Request) -> str:  # type: ignore[type-arg]
    return str(request.scope["state"]["keystile"].key_id)


@get("/both", guards=[scope_guard("PSA"), scope_guard("CRM")])
async def _both() -> str:
    return "both"


@get("/missing", guards=[scope_guard("PSA")])
async def _missing() -> None:
    raise NotFoundException


@get("/fail", opt=requires_scope("PSA"))
async def _fail() -> None:
    raise RuntimeError("the application failed")


@get("/health", opt=PUBLIC)
async def _health() -> str:
    return "fine"


def litestar_app(gate: Gate | None = None, **more: object) -> Litestar:
    """The application over a gate, or over this machine's."""
    plugin = KeystilePlugin(gate=gate, **more)  # type: ignore[arg-type]
    return Litestar([_tickets, _both, _missing, _fail, _health], plugins=[plugin], logging_config=None)
