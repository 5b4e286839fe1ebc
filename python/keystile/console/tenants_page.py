"""The tenants, for operators of the home tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from keystile.console.pages import Page, faults, page, path_of, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Message, Shell
from keystile.hub.auth import Caller
from keystile.hub.context import Call, Hub
from keystile.hub.errors import Conflict, HomeOnly, Invalid
from keystile.hub.requests import Cursor
from keystile.hub.rights import VIEWER, check_change
from keystile.hub.tenants import service
from keystile.hub.tenants.schemas import CreateTenant, UpdateTenant
from keystile.problems import PROBLEMS

Search = Annotated[str, QueryParameter(description="What to look for.")]
Done = Annotated[str, QueryParameter(description="What has just been done.")]

_ROWS = 50
_DONE = {
    "added": Message("The tenant is added. Open it to create its keys and let its operators in."),
    "renamed": Message("The tenant is renamed."),
}


class TenantForm(Struct, frozen=True):
    """A tenant to add."""

    id: str
    name: str


class NameForm(Struct, frozen=True):
    """A tenant's new name."""

    name: str


class TenantsPages(Controller):
    """List, add and rename."""

    path = path_of("{tenant:str}", "tenants")

    @get("/")
    async def listed(
        self,
        *,
        request: ConsoleRequest,
        hub: NamedDependency[Hub],
        tenant: FromPath[str],
        q: Search = "",
        cursor: Cursor = None,
        done: Done = "",
    ) -> Page:
        """By id."""
        async with hub.reading(request) as call:
            frame = await _frame(request, call, tenant, [_DONE[done]] if done in _DONE else [])
            wanted = q.strip() or None
            found = await service.page(call.connection, call.caller, limit=_ROWS, cursor=cursor, q=wanted)
            may_change = _may_change(call.caller)
        path = path_of(tenant, "tenants")
        query = {"q": q} if q else {}
        return page(
            request,
            "tenants.html",
            shell=frame,
            path=path,
            q=q,
            rows=[(row, path_of(row.id)) for row in found.items],
            may_change=may_change,
            first_href=_at(path, query) if cursor else "",
            next_href=_at(path, {**query, "cursor": found.next_cursor}) if found.next_cursor else "",
        )

    @get("/new")
    async def new(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """The form for another one."""
        return await _new(request, hub, tenant, TenantForm("", ""), {})

    @post("/")
    async def add(self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str]) -> Page:
        """Add it."""
        form = await request.decoded(TenantForm)
        try:
            async with hub.changing(request) as call:
                await _frame(request, call, tenant)
                await service.create(call.connection, call.caller, CreateTenant(id=form.id.strip(), name=form.name))
        except Invalid as invalid:
            return await _new(request, hub, tenant, form, faults(invalid.errors))
        except Conflict as conflict:
            return await _new(request, hub, tenant, form, {"id": PROBLEMS[conflict.code].detail})
        return redirect(f"{path_of(tenant, 'tenants')}?done=added")

    @get("/{other:str}/rename")
    async def renaming(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], other: FromPath[str]
    ) -> Page:
        """The form for another name."""
        return await _renaming(request, hub, (tenant, other), None, {})

    @post("/{other:str}/rename")
    async def rename(
        self, request: ConsoleRequest, hub: NamedDependency[Hub], tenant: FromPath[str], other: FromPath[str]
    ) -> Page:
        """Give it that name."""
        form = await request.decoded(NameForm)
        try:
            async with hub.changing(request) as call:
                await _frame(request, call, tenant)
                await service.rename(call.connection, call.caller, other, UpdateTenant(name=form.name))
        except Invalid as invalid:
            return await _renaming(request, hub, (tenant, other), form.name, faults(invalid.errors))
        return redirect(f"{path_of(tenant, 'tenants')}?done=renamed")


async def _new(request: ConsoleRequest, hub: Hub, tenant: str, form: TenantForm, errors: Mapping[str, str]) -> Page:
    async with hub.reading(request) as call:
        frame = await _frame(request, call, tenant)
        check_change(call.caller)
    status = 422 if errors else 200
    path = path_of(tenant, "tenants")
    return page(request, "tenant_new.html", status=status, shell=frame, path=path, form=form, errors=errors)


async def _renaming(
    request: ConsoleRequest, hub: Hub, which: tuple[str, str], name: str | None, errors: Mapping[str, str]
) -> Page:
    tenant, other = which
    async with hub.reading(request) as call:
        frame = await _frame(request, call, tenant)
        check_change(call.caller)
        row = await service.show(call.connection, call.caller, other)
    return page(
        request,
        "tenant_rename.html",
        status=422 if errors else 200,
        shell=frame,
        path=path_of(tenant, "tenants"),
        row=row,
        name=row.name if name is None else name,
        errors=errors,
    )


async def _frame(request: ConsoleRequest, call: Call, tenant: str, messages: list[Message] | None = None) -> Shell:
    """NotFound for a foreign tenant, and HomeOnly in one's own."""
    frame = await shell(request, call, tenant, "tenants", messages=messages or [])
    if not call.caller.home:
        raise HomeOnly
    return frame


def _may_change(caller: Caller) -> bool:
    return caller.role != VIEWER


def _at(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
