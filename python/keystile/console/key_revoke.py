"""Revoking a key: what will break, and whether the reader means it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from keystile.console.format import visible
from keystile.console.key_figures import LastDay, last_day
from keystile.console.key_found import PATH, found, held, key_path
from keystile.console.pages import Page, faults, page, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.context import Call, Hub
from keystile.hub.errors import FieldError, Invalid
from keystile.hub.keys import service
from keystile.hub.keys.schemas import RevokeKey
from keystile.hub.rights import check_change
from keystile.hub.usage import service as usage
from keystile.store.records import KeyRow

_NOT_THE_NAME = "This is not the name of the key."


class RevokeForm(Struct, frozen=True):
    """Revoking; a key that is in use wants its name as `confirmation`."""

    reason: str = ""
    confirmation: str = ""


class KeyRevoke(Controller):
    """The question, and the end."""

    path = PATH

    @get("/revoke")
    async def ask(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """What revoking this key means now; a key that is revoked already has its page to say so."""
        async with hub.reading(request) as call:
            row = await found(call, tenant, key_id)
            check_change(call.caller)
            if row.status == "revoked":
                return redirect(key_path(row))
            return await _page(request, call, row, RevokeForm())

    @post("/revoke")
    async def revoke(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Revoke. The key's page then asks every gate whether it has heard."""
        form = await request.decoded(RevokeForm)
        try:
            async with hub.changing(request) as call:
                row = await held(call, tenant, key_id)
                if row.status != "revoked" and (await _last_day(call, row)).used:
                    _check_name(form.confirmation, row.name)
                await service.revoke(call.connection, call.caller, row.id, RevokeKey(reason=form.reason or None))
        except Invalid as invalid:
            async with hub.reading(request) as call:
                row = await found(call, tenant, key_id)
                return await _page(request, call, row, form, invalid.errors)
        return redirect(key_path(row))


async def _page(
    request: ConsoleRequest, call: Call, row: KeyRow, form: RevokeForm, errors: Sequence[FieldError] = ()
) -> Page:
    return page(
        request,
        "key_revoke.html",
        status=422 if errors else 200,
        shell=await shell(request, call, row.tenant, "keys"),
        row=row,
        path=key_path(row),
        form=form,
        use=await _last_day(call, row),
        errors=faults(errors),
    )


async def _last_day(call: Call, row: KeyRow) -> LastDay:
    return last_day(await usage.of_key(call.connection, call.caller, row.id, 1), datetime.now(UTC))


def _check_name(typed: str, name: str) -> None:
    """Raise Invalid unless the name was typed, as it is or as the page shows it: nobody can type what is invisible."""
    if _plain(typed) not in {_plain(name), _plain(str(visible(name)))}:
        raise Invalid([FieldError("confirmation", _NOT_THE_NAME)])


def _plain(text: str) -> str:
    """A browser shows several spaces as one, and does not say how an accent is composed."""
    return " ".join(unicodedata.normalize("NFC", text).split())
