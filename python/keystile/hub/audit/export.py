"""The audit trail as CSV, page by page: what is held in memory does not grow with the trail."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from litestar.response import Stream

from keystile.hub.audit import service
from keystile.hub.audit.schemas import AuditPage, Wanted
from keystile.hub.context import Hub
from keystile.hub.csv_lines import MEDIA_TYPE, attachment, lines
from keystile.hub.requests import HubRequest

COLUMNS = ("id", "at", "actor", "actor_name", "action", "target", "target_name", "detail", "tenant", "request_id")
_PAGE_ROWS = 500


async def export(hub: Hub, request: HubRequest, asked: Wanted, *, tenant: str | None) -> Stream:
    """All that is asked for, newest first. NotFound for a foreign tenant.

    Whoever may no longer read the trail gets no further page: the answer is then cut off.
    """
    first, following = await _read(hub, request, asked, tenant, None)

    async def pieces() -> AsyncIterator[str]:
        yield lines([COLUMNS]) + first
        cursor = following
        while cursor is not None:
            piece, cursor = await _read(hub, request, asked, tenant, cursor)
            yield piece

    return Stream(pieces(), media_type=MEDIA_TYPE, headers=attachment("keystile-audit"))


async def _read(
    hub: Hub, request: HubRequest, asked: Wanted, tenant: str | None, cursor: str | None
) -> tuple[str, str | None]:
    """One page as lines, and the cursor for more. No connection is held while the client reads."""
    async with hub.reading(request) as call:
        page = await service.page(call.connection, call.caller, asked, tenant=tenant, limit=_PAGE_ROWS, cursor=cursor)
        ids = {name for row in page.items for name in (row.actor, row.target)}
        names = await service.names(call.connection, call.caller, tenant, ids)
    return _lines(page, names), page.next_cursor


def _lines(page: AuditPage, names: dict[str, str]) -> str:
    return lines(
        (
            row.id,
            row.at,
            row.actor,
            names.get(row.actor),
            row.action,
            row.target,
            names.get(row.target),
            msgspec.json.encode(row.detail).decode(),
            row.tenant,
            row.request_id,
        )
        for row in page.items
    )
