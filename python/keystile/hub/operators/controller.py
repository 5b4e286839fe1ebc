"""The operator calls over HTTP."""

from __future__ import annotations

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from keystile.hub.conflicts import conflicts
from keystile.hub.context import Hub
from keystile.hub.operators import service
from keystile.hub.operators.schemas import AddOperator, OperatorLink, OperatorPage, UpdateOperator
from keystile.hub.requests import Cursor, HubRequest, Limit, Tenant
from keystile.store.records import OperatorRow


class OperatorsController(Controller):
    """List, add, show, change and disable the people who sign in to the console."""

    path = "/v1/operators"
    tags = ("Operators",)

    @get("/", summary="List operators")
    async def page(
        self,
        *,
        request: HubRequest,
        hub: NamedDependency[Hub],
        limit: Limit = 50,
        cursor: Cursor = None,
        tenant: Tenant = None,
    ) -> OperatorPage:
        """By address."""
        async with hub.reading(request) as call:
            return await service.page(call.connection, call.caller, tenant=tenant, limit=limit, cursor=cursor)

    @post("/", summary="Add an operator", responses=conflicts("operator_exists"))
    async def add(
        self, request: HubRequest, hub: NamedDependency[Hub], data: JSONBody[AddOperator]
    ) -> Response[OperatorLink]:
        """For owners, and for keys that hold everything. The link in the answer is shown this once."""
        async with hub.changing(request) as call:
            added = await service.add(call.connection, call.caller, data)
        return Response(added, status_code=201, headers={"Location": f"/v1/operators/{added.operator.id}"})

    @get("/{operator_id:str}", summary="Show an operator")
    async def show(self, request: HubRequest, hub: NamedDependency[Hub], operator_id: FromPath[str]) -> OperatorRow:
        """A foreign operator and an absent one give the same 404."""
        async with hub.reading(request) as call:
            return await service.show(call.connection, call.caller, operator_id)

    @patch("/{operator_id:str}", summary="Change or disable an operator", responses=conflicts("last_owner"))
    async def update(
        self,
        request: HubRequest,
        hub: NamedDependency[Hub],
        operator_id: FromPath[str],
        data: JSONBody[UpdateOperator],
    ) -> OperatorRow:
        """Whoever is disabled is signed out at once, everywhere. A tenant keeps its last owner."""
        async with hub.changing(request) as call:
            return await service.update(call.connection, call.caller, operator_id, data)

    @post(
        "/{operator_id:str}/link",
        summary="Make a link to choose a password",
        responses=conflicts("operator_disabled"),
    )
    async def link(
        self, request: HubRequest, hub: NamedDependency[Hub], operator_id: FromPath[str]
    ) -> Response[OperatorLink]:
        """Good for 15 minutes, once, and instead of any before it."""
        async with hub.changing(request) as call:
            return Response(await service.link(call.connection, call.caller, operator_id), status_code=201)
