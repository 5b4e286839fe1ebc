"""A FastAPI application whose routes ask by a dependency."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from keystile import Decision, Gate
from keystile.fastapi import KeystileDependencies, requires


def fastapi_app(gate: Gate | None = None, **more: object) -> FastAPI:
    """The application over a gate, or over this machine's."""
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
