"""The audit trail of a tenant: who did what when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from keystile.console import trail
from keystile.console.pages import Page, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.hub.audit import service
from keystile.hub.audit.export import export
from keystile.hub.audit.schemas import Wanted
from keystile.hub.context import Hub
from keystile.hub.errors import FieldError, Invalid
from keystile.hub.requests import Cursor

Filter = Annotated[str, QueryParameter(description="A filter; empty for none.")]
_ROWS = 50


class Filters(Struct, frozen=True):
    """What the form above the trail says. The days are in UTC, and the last one is part of it."""

    action: str
    actor: str
    target: str
    since: str
    until: str

    def wanted(self) -> Wanted:
        """The rows that are meant. Invalid for what is no day."""
        return Wanted(
            action=self.action or None,
            actor=self.actor.strip() or None,
            target=self.target.strip() or None,
            since=_midnight("since", self.since, 0),
            until=_midnight("until", self.until, 1),
        )

    def query(self, **more: str) -> str:
        """The same for an address."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        text = urlencode({name: value for name, value in {**given, **more}.items() if value})
        return f"?{text}" if text else ""


class AuditPages(Controller):
    """The trail, and all of it as a file."""

    path = path_of("{tenant:str}", "audit")

    @get("/")
    async def listed(
        self,
        *,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        action: Filter = "",
        actor: Filter = "",
        target: Filter = "",
        since: Filter = "",
        until: Filter = "",
        cursor: Cursor = None,
    ) -> Page:
        """Newest first."""
        filters = Filters(action, actor, target, since, until)
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "audit")
            found = await service.page(
                call.connection, call.caller, filters.wanted(), tenant=tenant, limit=_ROWS, cursor=cursor
            )
            ids = {name for row in found.items for name in (row.actor, row.target)} | {actor.strip(), target.strip()}
            names = await service.names(call.connection, call.caller, tenant, ids - {""})
        path = path_of(tenant, "audit")
        return page(
            request,
            "audit.html",
            shell=frame,
            path=path,
            filters=filters,
            filtered=bool(filters.query()),
            actions=list(trail.ACTIONS.items()),
            entries=trail.entries(found.items, names),
            names={**trail.ACTORS, **names},
            csv_href=f"{path}/csv{filters.query()}",
            first_href=path + filters.query() if cursor else "",
            next_href=path + filters.query(cursor=found.next_cursor) if found.next_cursor else "",
        )

    @get("/csv")
    async def table(
        self,
        *,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        action: Filter = "",
        actor: Filter = "",
        target: Filter = "",
        since: Filter = "",
        until: Filter = "",
    ) -> Stream:
        """All that the filters let through, piece by piece."""
        asked = Filters(action, actor, target, since, until).wanted()
        return await export(hub, request, asked, tenant=tenant)


def _midnight(field: str, text: str, days_later: int) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        raise Invalid([FieldError(field, "This is not a day as 2030-01-31.")]) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
