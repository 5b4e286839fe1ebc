"""Pages as answers: rendered, redirected to, and framed for whoever is signed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from keystile.console.environment import render
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Link, Message, Shell
from keystile.hub.context import Call
from keystile.hub.errors import FieldError
from keystile.hub.tenants import service as tenants

Page = Response[str]

HOME = "/console"
SIGN_IN = "/console/sign-in"
SIGN_OUT = "/console/sign-out"
ACCOUNT = "/console/account"
_SECTIONS = (
    ("keys", "API Keys"),
    ("advice", "Advice"),
    ("tiers", "Tiers"),
    ("audit", "Audit"),
    ("operators", "Operators"),
)
_MOST_TENANTS = 50


def page(request: ConsoleRequest, template: str, *, status: int = 200, **context: object) -> Page:
    """A template as an answer."""
    text = render(template, theme=request.theme, **context)
    return Response(text, media_type=MediaType.HTML, status_code=status)


def redirect(path: str, cookies: Sequence[Cookie] = ()) -> Page:
    """Go on at another page of ours, by GET."""
    return Response("", status_code=303, headers={"Location": path}, cookies=cookies, media_type=MediaType.TEXT)


def path_of(tenant: str, section: str = "keys", *rest: str) -> str:
    """The path of a page of a tenant."""
    return "/".join((HOME, "t", tenant, section, *rest))


def faults(errors: Sequence[FieldError]) -> Mapping[str, str]:
    """What is wrong by field, the first of each; `scopes[0]` counts for `scopes`."""
    found: dict[str, str] = {}
    for error in errors:
        found.setdefault(error.field.partition("[")[0], error.message)
    return found


async def shell(
    request: ConsoleRequest, call: Call, tenant: str, section: str, *, messages: Sequence[Message] = ()
) -> Shell:
    """The frame of a page about a tenant. NotFound for one that is foreign or absent."""
    caller = call.caller
    shown = await tenants.show(call.connection, caller, tenant)
    sections = [*_SECTIONS, *([("tenants", "Tenants")] if caller.home else [])]
    switch: list[Link] = []
    if caller.home:
        some = await tenants.page(call.connection, caller, limit=_MOST_TENANTS, cursor=None)
        # The reader's own account is of no tenant that is switched to.
        to = section if section in dict(sections) else "keys"
        switch = [Link(row.name, path_of(row.id, to), current=row.id == tenant) for row in some.items]
        if some.next_cursor is not None:
            switch.append(Link("All tenants…", path_of(tenant, "tenants")))
    return Shell(
        operator=caller.name,
        role=caller.role or "",
        tenant=shown.name,
        home_href=path_of(tenant),
        sign_out_href=SIGN_OUT,
        nav=[Link(title, path_of(tenant, name), current=name == section) for name, title in sections],
        tenants=switch,
        account=[Link("Account", ACCOUNT)],
        messages=messages,
        theme=request.theme,
    )
