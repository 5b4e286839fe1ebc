"""The audit call over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from keystile.hub.audit import service
from keystile.hub.audit.export import export
from keystile.hub.audit.schemas import AuditPage
from keystile.hub.context import Hub
from keystile.hub.csv_lines import CSV
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant

_JSON = "application/json"
Actor = Annotated[str | None, QueryParameter(description="Only what this key or operator did.")]
Key = Annotated[str | None, QueryParameter(description="The same as `actor`.")]
Target = Annotated[str | None, QueryParameter(description="Only what was done to this key, operator or tenant.")]
Action = Annotated[str | None, QueryParameter(description="Only this action, such as `key.revoke`.")]
_TIME = {"format": "date-time"}
Since = Annotated[
    str | None, QueryParameter(description="From this time on: RFC 3339 with a time zone.", schema_extra=_TIME)
]
Until = Annotated[
    str | None, QueryParameter(description="Before this time: RFC 3339 with a time zone.", schema_extra=_TIME)
]


class AuditController(Controller):
    """Who did what when."""

    path = "/v1/audit"
    tags = ("Audit",)

    @get(
        "/",
        summary="Read the audit trail",
        response_headers=(ResponseHeader(name="Vary", value="Accept", description="JSON or CSV."),),
    )
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        actor: Actor = None,
        key: Key = None,
        target: Target = None,
        action: Action = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> Response[AuditPage] | Stream:
        """Newest first. With `Accept: text/csv` all of it, whatever `limit` and `cursor` say."""
        asked = service.wanted(
            actor=key if actor is None else actor, target=target, action=action, since=since, until=until
        )
        if request.accept.best_match([_JSON, CSV], _JSON) == CSV:
            return await export(hub, request, asked, tenant=tenant)
        async with hub.reading(request) as call:
            found = await service.page(call.connection, call.caller, asked, tenant=tenant, limit=limit, cursor=cursor)
        return Response(found)
