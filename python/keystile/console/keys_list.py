"""The list of API Keys, and its figures, which refresh by themselves."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, get_args

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from keystile.console.advice_words import Badge, badges
from keystile.console.format import ago
from keystile.console.listing import NEWEST, SORTS, Listing, options
from keystile.console.pages import HOME, Page, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.advice import service as advice
from keystile.hub.advice.schemas import Advice
from keystile.hub.catalogue import service as catalogue
from keystile.hub.context import Hub
from keystile.hub.keys import service as keys
from keystile.hub.keys.schemas import Status
from keystile.hub.rights import VIEWER
from keystile.store.records import KeyFigures, KeyRow

PAGE_SIZE = 50

Text = Annotated[str, QueryParameter()]
KeyScope = Annotated[str, QueryParameter(name="scope")]


class Row(Struct, frozen=True, kw_only=True):
    """One key of the list; `version` tells whether its figures look the same as before."""

    key: KeyRow
    figures: KeyFigures
    version: str
    href: str
    badges: list[Badge]


class ShownRows(Struct, frozen=True):
    """The rows that a browser shows, each as the key's id, a colon and the version."""

    shown: list[str] = msgspec.field(default_factory=list)


class KeysList(Controller):
    """The keys of one tenant."""

    path = f"{HOME}/t/{{tenant:str}}/keys"

    @get("/")
    async def listed(
        self,
        *,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        q: Text = "",
        status: Text = "",
        key_scope: KeyScope = "",
        tier: Text = "",
        sort: Text = NEWEST,
        cursor: Text = "",
    ) -> Page:
        """A page of keys."""
        asked = Listing(
            tenant=tenant, q=q.strip(), status=status, scope=key_scope, tier=tier, sort=sort or NEWEST, cursor=cursor
        )
        asked.check()
        now = datetime.now(UTC)
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "keys")
            found = await keys.page(
                call.connection, call.caller, tenant=tenant, sort=asked.sort, limit=PAGE_SIZE, **asked.filters
            )
            ids = [key.id for key in found.items]
            figures = await keys.figures(call.connection, call.caller, tenant, ids)
            given = await advice.of_keys(call.connection, call.caller, tenant, ids)
            scopes = await catalogue.scopes(call.connection)
            tiers = await catalogue.tiers(call.connection)
        return page(
            request,
            "keys_list.html",
            shell=frame,
            asked=asked,
            rows=_rows(tenant, found.items, figures, given, now),
            count=_count(len(found.items), asked, more=found.next_cursor is not None),
            now=now,
            next_href=asked.href(cursor=found.next_cursor) if found.next_cursor else "",
            new_href=path_of(tenant, "keys", "new") if call.caller.role != VIEWER else "",
            advice_href=path_of(tenant, "advice", "summary"),
            figures_href=path_of(tenant, "keys", "figures"),
            statuses=[("", "All statuses"), *((word, word.capitalize()) for word in get_args(Status))],
            scopes=options("All scopes", [scope.name for scope in scopes.items]),
            tiers=options("All tiers", [one.name for one in tiers.items]),
            sorts=SORTS,
        )

    @post("/figures")
    async def figures(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """The figures that look otherwise than those that the browser shows; changes nothing, and is asked for often.

        A POST because so many ids are too long for an address.
        """
        form = await request.decoded(ShownRows)
        shown = dict(entry.partition(":")[::2] for entry in form.shown)
        async with hub.reading(request) as call:
            found = await keys.figures(call.connection, call.caller, tenant, list(shown))
        now = datetime.now(UTC)
        rows = [(key_id, figures, version_of(figures, now)) for key_id, figures in found.items()]
        changed = [row for row in rows if shown[row[0]] != row[2]]
        return page(request, "keys_figures.html", rows=changed, now=now)


def version_of(figures: KeyFigures, now: datetime) -> str:
    """A short word that is another one when the figures look otherwise; "5 minutes ago" is part of their looks."""
    looks = (msgspec.json.encode(figures), ago(figures.last_used_at, now))
    return f"{zlib.crc32(repr(looks).encode()):08x}"


def _rows(
    tenant: str,
    found: Iterable[KeyRow],
    figures: dict[str, KeyFigures],
    given: dict[str, list[Advice]],
    now: datetime,
) -> list[Row]:
    """The keys with their figures and advice; one that was removed between the two looks is left out."""
    return [
        Row(
            key=key,
            figures=figures[key.id],
            version=version_of(figures[key.id], now),
            href=path_of(tenant, "keys", key.id),
            badges=badges(tenant, given.get(key.id, ())),
        )
        for key in found
        if key.id in figures
    ]


def _count(shown: int, asked: Listing, *, more: bool) -> str:
    what = "key" if shown == 1 else "keys"
    return f"{shown} {what} on this page" if more or asked.cursor else f"{shown} {what}"
