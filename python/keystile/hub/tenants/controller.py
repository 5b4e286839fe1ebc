"""The tenant calls over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from keystile.hub.conflicts import conflicts
from keystile.hub.context import Hub
from keystile.hub.requests import Cursor, HubRequest, Limit
from keystile.hub.tenants import service
from keystile.hub.tenants.schemas import CreateTenant, TenantPage, UpdateTenant
from keystile.store.records import TenantRow

Search = Annotated[str | None, QueryParameter(description="Only with this in the id or the name.")]


class TenantsController(Controller):
    """List, add, show and rename tenants."""

    path = "/v1/tenants"
    tags = ("Tenants",)

    @get("/", summary="List tenants")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        q: Search = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> TenantPage:
        """The home tenant sees them all, others just their own."""
        async with hub.reading(request) as call:
            return await service.page(call.connection, call.caller, limit=limit, cursor=cursor, q=q)

    @post("/", summary="Add a tenant", responses=conflicts("tenant_exists"))
    async def create(
        self, request: HubRequest, hub: NamedDependency[Hub], data: JSONBody[CreateTenant]
    ) -> Response[TenantRow]:
        """For the home tenant only."""
        async with hub.changing(request) as call:
            row = await service.create(call.connection, call.caller, data)
        return Response(row, status_code=201, headers={"Location": f"/v1/tenants/{row.id}"})

    @get("/{tenant_id:str}", summary="Show a tenant")
    async def show(self, request: HubRequest, hub: NamedDependency[Hub], tenant_id: FromPath[str]) -> TenantRow:
        """A foreign tenant and an absent one give the same 404."""
        async with hub.reading(request) as call:
            return await service.show(call.connection, call.caller, tenant_id)

    @patch("/{tenant_id:str}", summary="Rename a tenant")
    async def rename(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        tenant_id: FromPath[str],
        data: JSONBody[UpdateTenant],
    ) -> TenantRow:
        """For the home tenant only; an id is final."""
        async with hub.changing(request) as call:
            return await service.rename(call.connection, call.caller, tenant_id, data)
