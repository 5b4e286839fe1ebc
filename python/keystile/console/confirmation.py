"""Whether a revocation has arrived at every gate, in words."""

from __future__ import annotations

import asyncio
from typing import Literal

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from keystile.console.key_found import PATH, found, key_path
from keystile.console.pages import Page, page, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.context import Call, Hub
from keystile.hub.errors import NotConfirmed, NotFound
from keystile.hub.waits import Confirmation, GateName

_LONGEST_S = 30.0


class Progress(Struct, frozen=True):
    """How far a revocation has come. `lost`: the database could not say."""

    state: Literal["waiting", "confirmed", "unconfirmed", "lost"]
    gates: int = 0
    waited_out: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()


class ConfirmationPage(Controller):
    """Asks every gate. A GET, since the revocation is made: it may be asked for as often as one likes."""

    path = PATH

    @get("/confirmation")
    async def show(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Answers when no gate accepts the key any more: a part of the key's page, or without scripts a page.

        NotFound for a key that is not revoked.
        """
        part = request.headers.get("hx-request") == "true"
        async with hub.reading(request) as call:
            frame = None if part else await shell(request, call, tenant, "keys")
            row = await found(call, tenant, key_id)
            if row.status != "revoked":
                raise NotFound
            await hub.as_of_now(call)
        progress = await _progress(request, hub, call, longest_s=None if part else _LONGEST_S)
        path = key_path(row)
        if frame is None:
            return page(request, "parts/progress.html", progress=progress, path=path)
        return page(request, "confirmation.html", shell=frame, row=row, progress=progress, path=path)


async def _progress(request: ConsoleRequest, hub: Hub, call: Call, *, longest_s: float | None) -> Progress:
    """What became of it, at the latest when the last lease is over, or after `longest_s` seconds."""
    try:
        async with asyncio.timeout(longest_s):
            return _told(await hub.confirmed(request, call))
    except NotConfirmed:
        return Progress("lost")
    except TimeoutError:
        return Progress("waiting")


def _told(confirmation: Confirmation) -> Progress:
    return Progress(
        "confirmed" if confirmation.confirmed else "unconfirmed",
        confirmation.gates,
        tuple(map(_name, confirmation.waited_out)),
        tuple(map(_name, confirmation.unconfirmed)),
    )


def _name(gate: GateName) -> str:
    """The machine, and who may not know it still can tell gates apart."""
    return gate.machine or f"gate {gate.gate[:8]}"
