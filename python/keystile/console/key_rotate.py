"""Rotating a key: how long the old secret works on, and then the new one, this once."""

from __future__ import annotations

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from keystile.console.key_found import PATH, SECRET, done, held, key_path, state, to_change
from keystile.console.pages import Page, page, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.context import Hub
from keystile.hub.errors import FieldError, Invalid
from keystile.hub.keys import service

OVERLAPS = (
    ("0", "At once"),
    ("3600", "After 1 hour"),
    ("86400", "After 24 hours"),
    ("604800", "After 7 days"),
    ("2592000", "After 30 days"),
)
"""How long the old secret works on: seconds, and what they are called."""
_USUAL = "86400"


class RotateForm(Struct, frozen=True):
    """Rotating; `state` is that of the secret which the form was made for."""

    overlap: str
    state: str


class KeyRotate(Controller):
    """The form, and the one answer that shows the new secret."""

    path = PATH

    @get("/rotate")
    async def ask(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """The form. Conflict for a key that is not active."""
        async with hub.reading(request) as call:
            around = await shell(request, call, tenant, "keys")
            row = await to_change(call, tenant, key_id)
        service.check_rotatable(row)
        return page(
            request,
            "key_rotate.html",
            shell=around,
            row=row,
            path=key_path(row),
            overlaps=OVERLAPS,
            usual=_USUAL,
            state=state(row, SECRET),
        )

    @post("/rotate")
    async def rotate(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """The new secret. The same form sent again rotates nothing: it was made for the secret before."""
        form = await request.decoded(RotateForm)
        seconds = _seconds(form)
        async with hub.changing(request) as call:
            around = await shell(request, call, tenant, "keys")
            row = await held(call, tenant, key_id)
            if form.state != state(row, SECRET):
                return done(row, "rotated")
            issued = await service.rotate(call.connection, call.caller, row.id, seconds, hub.issuer)
        return page(
            request,
            "key_rotated.html",
            shell=around,
            row=issued.key,
            secret=issued.secret,
            done_href=key_path(issued.key),
        )


def _seconds(form: RotateForm) -> int:
    if form.overlap not in dict(OVERLAPS):
        raise Invalid([FieldError("overlap", "There is no such choice.")])
    return int(form.overlap)
