"""Advice about a tenant's keys, and remedies at the press of one button."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from keystile.console.advice_words import DONE, WORDS, advice_path, paths, summary, tabs
from keystile.console.expiry import in_days
from keystile.console.pages import Page, page, path_of, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Link, Message
from keystile.hub.advice import remedies, service
from keystile.hub.context import Call, Hub
from keystile.hub.errors import Faults, NotFound
from keystile.hub.keys import service as keys
from keystile.hub.rights import VIEWER
from keystile.store.records import KeyRow

PAGE_SIZE = 50
_DAYS = 90

Text = Annotated[str, QueryParameter()]


class RemedyForm(Struct, frozen=True):
    """A button. `kind` and `cursor` say which page of advice it stands on, `back` that it stands on the key's own."""

    kind: str = ""
    cursor: str = ""
    back: str = ""
    scopes: list[str] = []


class AdvicePages(Controller):
    """The pieces, and what follows them."""

    path = path_of("{tenant:str}", "advice")

    @get("/")
    async def listed(
        self,
        *,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        kind: Text = "",
        cursor: Text = "",
        done: Text = "",
        about: Text = "",
    ) -> Page:
        """A page of advice, about older keys first. Invalid for a kind or a cursor that there is not."""
        _check(kind)
        async with hub.reading(request) as call:
            said = await _message(call, tenant, done, about)
            frame = await shell(request, call, tenant, "advice", messages=said)
            connection, caller = call.connection, call.caller
            found = await service.page(
                connection, caller, tenant=tenant, kind=kind or None, limit=PAGE_SIZE, cursor=cursor or None
            )
            counts = await service.counts(connection, caller, tenant)
        next_cursor = found.next_cursor
        return page(
            request,
            "advice.html",
            shell=frame,
            pieces=found.items,
            words=WORDS,
            tabs=tabs(tenant, counts, kind),
            none_at_all=not any(counts.values()),
            may=caller.role != VIEWER,
            paths=paths(tenant),
            place={"kind": kind, "cursor": cursor, "back": ""},
            first_href=advice_path(tenant, kind=kind) if cursor else "",
            next_href=advice_path(tenant, kind=kind, cursor=next_cursor) if next_cursor else "",
        )

    @get("/summary")
    async def summary(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """How many keys each kind is about, as one line for the list of keys, which does not wait for it."""
        async with hub.reading(request) as call:
            counts = await service.counts(call.connection, call.caller, tenant)
        return page(request, "advice_summary.html", links=summary(tenant, counts), path=path_of(tenant, "advice"))

    @post("/{key_id:str}/expire")
    async def expire(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Let a key that never expires expire in 90 days."""
        form = await request.decoded(RemedyForm)
        async with hub.changing(request) as call:
            row = await remedies.expire(call.connection, call.caller, tenant, key_id, in_days(_DAYS))
        return _back(tenant, key_id, form, "expires", row)

    @post("/{key_id:str}/disable")
    async def disable(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Disable a key that nobody uses."""
        form = await request.decoded(RemedyForm)
        async with hub.changing(request) as call:
            row = await remedies.disable(call.connection, call.caller, tenant, key_id)
        return _back(tenant, key_id, form, "disabled", row)

    @post("/{key_id:str}/drop-scopes")
    async def drop_scopes(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Take those scopes from a key that the button named and the key still does not use."""
        form = await request.decoded(RemedyForm)
        async with hub.changing(request) as call:
            row = await remedies.drop_scopes(call.connection, call.caller, tenant, key_id, form.scopes)
        return _back(tenant, key_id, form, "dropped", row)


def _back(tenant: str, key_id: str, form: RemedyForm, word: str, row: KeyRow | None) -> Page:
    """To where the button stands, with what was done, or that nothing was. The key exists, so its id is one."""
    word = "outdated" if row is None else word
    if form.back == "key":
        return redirect(f"{path_of(tenant, 'keys', key_id)}?done={word}")
    kind = form.kind if form.kind in WORDS else ""
    return redirect(advice_path(tenant, kind=kind, cursor=form.cursor, done=word, about=key_id))


async def _message(call: Call, tenant: str, done: str, about: str) -> list[Message]:
    """What was done, with a link to the key that it was done to, which may be on this page no more."""
    if done not in DONE:
        return []
    try:
        row = await keys.show(call.connection, call.caller, about)
    except NotFound:
        return [DONE[done]]
    link = Link(row.name, path_of(tenant, "keys", row.id)) if row.tenant == tenant else None
    return [msgspec.structs.replace(DONE[done], link=link)]


def _check(kind: str) -> None:
    faults = Faults()
    if kind and kind not in WORDS:
        faults.add("kind", "There is no such advice.")
    faults.check()
