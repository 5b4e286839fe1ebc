"""The people who sign in to the console: the list, and adding one."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from keystile.client_address import TrustedProxies
from keystile.console.operator_found import ROLES, link_page, role_of
from keystile.console.pages import Page, faults, page, path_of, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Message
from keystile.hub.context import Hub
from keystile.hub.errors import Conflict, Invalid, RoleRefused
from keystile.hub.operators import service
from keystile.hub.operators.schemas import AddOperator
from keystile.hub.requests import Cursor
from keystile.hub.rights import OWNER
from keystile.problems import PROBLEMS

_ROWS = 50


class OperatorForm(Struct, frozen=True):
    """An operator to add."""

    email: str
    role: str = ""


class OperatorsList(Controller):
    """The list is for everybody of the tenant, adding for owners."""

    path = path_of("{tenant:str}", "operators")

    @get("/")
    async def listed(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], cursor: Cursor = None
    ) -> Page:
        """By address."""
        async with hub.reading(request) as call:
            frame = await shell(request, call, tenant, "operators")
            found = await service.page(call.connection, call.caller, tenant=tenant, limit=_ROWS, cursor=cursor)
            caller = call.caller
        path = path_of(tenant, "operators")
        return page(
            request,
            "operators.html",
            shell=frame,
            path=path,
            rows=[(row, path_of(tenant, "operators", row.id)) for row in found.items],
            me=caller.actor,
            may_change=caller.role == OWNER,
            first_href=path if cursor else "",
            next_href=f"{path}?cursor={found.next_cursor}" if found.next_cursor else "",
        )

    @get("/new")
    async def new(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """The form for another one."""
        return await _new(request, hub, tenant, OperatorForm(""), {})

    @post("/")
    async def add(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        proxies: NamedDependency[TrustedProxies],
        tenant: FromPath[str],
    ) -> Page:
        """Add them, and show the link, which is kept nowhere."""
        form = await request.decoded(OperatorForm)
        try:
            async with hub.changing(request) as call:
                frame = await shell(request, call, tenant, "operators", messages=[Message("The operator is added.")])
                asked = AddOperator(email=form.email, role=role_of(form.role), tenant=tenant)
                made = await service.add(call.connection, call.caller, asked)
        except Invalid as invalid:
            return await _new(request, hub, tenant, form, faults(invalid.errors))
        except Conflict as conflict:
            return await _new(request, hub, tenant, form, {"email": PROBLEMS[conflict.code].detail})
        return link_page(request, proxies, frame, made, path_of(tenant, "operators"))


async def _new(request: ConsoleRequest, hub: Hub, tenant: str, form: OperatorForm, errors: Mapping[str, str]) -> Page:
    async with hub.reading(request) as call:
        frame = await shell(request, call, tenant, "operators")
        if call.caller.role != OWNER:
            raise RoleRefused("Only an owner can manage operators.")
    return page(
        request,
        "operator_new.html",
        status=422 if errors else 200,
        shell=frame,
        path=path_of(tenant, "operators"),
        form=form,
        roles=ROLES,
        errors=errors,
    )
