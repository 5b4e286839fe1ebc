"""One operator: role, link, and whether they may sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from keystile.client_address import TrustedProxies
from keystile.console.operator_found import ROLES, found, link_page, role_of
from keystile.console.pages import Page, faults, page, path_of, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Message
from keystile.hub.audit import service as audit
from keystile.hub.context import Hub
from keystile.hub.errors import Conflict, Invalid
from keystile.hub.operators import service
from keystile.hub.operators.schemas import UpdateOperator
from keystile.hub.rights import OWNER
from keystile.problems import PROBLEMS

Done = Annotated[str, QueryParameter(description="What has just been done.")]

_DONE = {
    "role": Message("The role is saved."),
    "disabled": Message("The operator is disabled, and signed out everywhere."),
    "enabled": Message("The operator is enabled, and may sign in again."),
}


class RoleForm(Struct, frozen=True):
    """Another role."""

    role: str = ""


class OperatorPages(Controller):
    """To be read by everybody of the tenant, and changed by owners."""

    path = path_of("{tenant:str}", "operators", "{operator_id:str}")

    @get("/")
    async def shown(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        operator_id: FromPath[str],
        done: Done = "",
    ) -> Page:
        """Who they are, and what an owner can do."""
        return await _page(request, hub, (tenant, operator_id), messages=[_DONE[done]] if done in _DONE else [])

    @post("/role")
    async def change_role(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], operator_id: FromPath[str]
    ) -> Page:
        """Give them another role."""
        form = await request.decoded(RoleForm)
        try:
            role = role_of(form.role)
        except Invalid as invalid:
            return await _page(request, hub, (tenant, operator_id), errors=faults(invalid.errors))
        return await _change(request, hub, (tenant, operator_id), UpdateOperator(role=role), "role")

    @post("/disable")
    async def disable(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], operator_id: FromPath[str]
    ) -> Page:
        """Sign them out, and keep them out."""
        return await _change(request, hub, (tenant, operator_id), UpdateOperator(disabled=True), "disabled")

    @post("/enable")
    async def enable(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], operator_id: FromPath[str]
    ) -> Page:
        """Let them in again."""
        return await _change(request, hub, (tenant, operator_id), UpdateOperator(disabled=False), "enabled")

    @post("/link")
    async def link(
        self,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        proxies: NamedDependency[TrustedProxies],
        tenant: FromPath[str],
        operator_id: FromPath[str],
    ) -> Page:
        """A new link to choose a password, shown this once."""
        try:
            async with hub.changing(request) as call:
                frame = await shell(request, call, tenant, "operators")
                row = await found(call, tenant, operator_id)
                made = await service.link(call.connection, call.caller, row.id)
        except Conflict as conflict:
            return await _page(request, hub, (tenant, operator_id), errors={"link": PROBLEMS[conflict.code].detail})
        return link_page(request, proxies, frame, made, path_of(tenant, "operators", row.id))


async def _change(request: ConsoleRequest, hub: Hub, which: tuple[str, str], asked: UpdateOperator, done: str) -> Page:
    tenant, operator_id = which
    try:
        async with hub.changing(request) as call:
            await shell(request, call, tenant, "operators")
            row = await found(call, tenant, operator_id)
            await service.update(call.connection, call.caller, row.id, asked)
    except Conflict as conflict:
        return await _page(request, hub, which, errors={done: PROBLEMS[conflict.code].detail})
    return redirect(f"{path_of(tenant, 'operators', row.id)}?done={done}")


async def _page(
    request: ConsoleRequest,
    hub: Hub,
    which: tuple[str, str],
    *,
    messages: list[Message] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Page:
    tenant, operator_id = which
    async with hub.reading(request) as call:
        frame = await shell(request, call, tenant, "operators", messages=messages or [])
        row = await found(call, tenant, operator_id)
        caller = call.caller
        names = await audit.names(call.connection, caller, tenant, [row.created_by])
    return page(
        request,
        "operator.html",
        status=422 if errors else 200,
        shell=frame,
        row=row,
        list_href=path_of(tenant, "operators"),
        path=path_of(tenant, "operators", row.id),
        trail_href=f"{path_of(tenant, 'audit')}?actor={row.id}",
        added_by=names.get(row.created_by, row.created_by),
        me=caller.actor,
        may_change=caller.role == OWNER,
        roles=ROLES,
        errors=errors or {},
    )
