"""A key's page: its figures, its facts, what can be done with it, and what was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from keystile.console import key_figures, trail
from keystile.console.advice_words import WORDS, paths
from keystile.console.confirmation import Progress
from keystile.console.key_found import PATH, Done, found, key_path, message
from keystile.console.pages import Page, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.advice import service as advice
from keystile.hub.advice.schemas import Advice
from keystile.hub.audit import service as audit
from keystile.hub.audit.schemas import Wanted
from keystile.hub.catalogue import service as catalogue
from keystile.hub.context import Call, Hub
from keystile.hub.rights import VIEWER
from keystile.hub.usage import service as usage
from keystile.store.records import KeyRow, ScopeRow, TierRow

_LATEST = 20
_RECENT = timedelta(minutes=2)


class Detail(Struct, frozen=True, kw_only=True):
    """All that the page shows of a key. `may` is whether the reader may change it."""

    row: KeyRow
    path: str
    may: bool
    advice: list[Advice]
    figures: key_figures.Figures
    scopes: list[ScopeRow]
    tier: TierRow | None
    created_by: str
    trail: list[trail.Entry]
    trail_href: str
    """The whole trail; empty if all of it is here."""


class KeyPage(Controller):
    """Reading about one key."""

    path = PATH

    @get("/")
    async def show(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        key_id: FromPath[str],
        done: Done = "",
    ) -> Page:
        """The whole page."""
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "keys", messages=message(done))
            key = await detail(call, await found(call, tenant, key_id))
        revoked_at = key.row.revoked_at
        recent = revoked_at is not None and datetime.now(UTC) - revoked_at < _RECENT
        return page(
            request,
            "key.html",
            shell=frame,
            key=key,
            progress=Progress("waiting") if recent else None,
            words=WORDS,
            paths=paths(tenant),
        )

    @get("/figures")
    async def figures(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], key_id: FromPath[str]
    ) -> Page:
        """Only what changes by itself, for the page to keep it current."""
        async with hub.reading(request) as call:
            row = await found(call, tenant, key_id)
            report = await usage.of_key(call.connection, call.caller, row.id, key_figures.DAYS)
        return page(request, "key_live.html", row=row, figures=key_figures.figures(report))


async def detail(call: Call, row: KeyRow) -> Detail:
    """Read what the page shows."""
    connection, caller = call.connection, call.caller
    report = await usage.of_key(connection, caller, row.id, key_figures.DAYS)
    scopes = (await catalogue.scopes(connection)).items
    tiers = (await catalogue.tiers(connection)).items
    wanted = Wanted(target=row.id)
    told = await audit.page(connection, caller, wanted, tenant=row.tenant, limit=_LATEST, cursor=None)
    actors = {row.created_by, *(entry.actor for entry in told.items)}
    names = {**trail.ACTORS, **await audit.names(connection, caller, row.tenant, actors)}
    given = await advice.of_keys(connection, caller, row.tenant, [row.id])
    return Detail(
        row=row,
        path=key_path(row),
        may=caller.role != VIEWER,
        advice=given.get(row.id, []),
        figures=key_figures.figures(report),
        scopes=[scope for scope in scopes if scope.name in row.scopes],
        tier=next((tier for tier in tiers if tier.name == row.tier), None),
        created_by=names.get(row.created_by, row.created_by),
        trail=trail.entries(told.items, names),
        trail_href="" if told.next_cursor is None else f"{path_of(row.tenant, 'audit')}?target={row.id}",
    )
