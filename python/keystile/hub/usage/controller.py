"""The usage calls over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from keystile.hub.context import Hub
from keystile.hub.csv_lines import CSV, MEDIA_TYPE, attachment
from keystile.hub.requests import HubRequest, Tenant, check_media_type
from keystile.hub.rights import check_change
from keystile.hub.usage import outcomes, service
from keystile.hub.usage.csv_table import table
from keystile.hub.usage.outcomes import OutcomesTaken
from keystile.hub.usage.schemas import UsageList
from keystile.store.partitions import retention_of
from keystile.store.records import KeyUsage

_JSON = "application/json"
Days = Annotated[int, QueryParameter(ge=1, le=366, description="How many days back, today included.")]


class UsageController(Controller):
    """How much keys are used."""

    path = "/v1"
    tags = ("Usage",)

    @get("/keys/{key_id:str}/usage", summary="One key's usage")
    async def of_key(
        self, request: HubRequest, hub: NamedDependency[Hub], key_id: FromPath[str], days: Days = 30
    ) -> KeyUsage:
        """Days and hours without traffic are there, as zeros. Times are UTC."""
        async with hub.reading(request) as call:
            return await service.of_key(call.connection, call.caller, key_id, days)

    @get(
        "/usage",
        summary="Usage of all keys",
        response_headers=(ResponseHeader(name="Vary", value="Accept", description="JSON or CSV."),),
    )
    async def of_tenant(
        self, request: HubRequest, hub: NamedDependency[Hub], tenant: Tenant = None
    ) -> Response[UsageList | str]:
        """All keys of the tenant in one answer; as a table with `Accept: text/csv`."""
        async with hub.reading(request) as call:
            usage = await service.of_tenant(call.connection, call.caller, tenant)
        if request.accept.best_match([_JSON, CSV], _JSON) != CSV:
            return Response(usage)
        return Response(table(usage.items), media_type=MEDIA_TYPE, headers=attachment("keystile-usage"))

    @post(
        "/usage/outcomes",
        summary="Report final statuses",
        status_code=200,
        request_max_body_size=outcomes.MOST_BYTES,
    )
    async def take_outcomes(self, request: HubRequest, hub: NamedDependency[Hub]) -> OutcomesTaken:
        """One JSON object a line. Counts 4xx and 5xx as errors of the key, once for each `id` however often sent."""
        check_media_type(request.scope["headers"], outcomes.MEDIA_TYPE)
        raw = await request.body()
        retention = retention_of(hub.settings)
        async with hub.reading(request) as call:
            check_change(call.caller)
            return await outcomes.take(call.connection, call.caller, raw, retention)
