"""What the pages about operators share."""

from __future__ import annotations

from typing import cast

from keystile.client_address import TrustedProxies
from keystile.console.pages import Page, page
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Shell
from keystile.hub import rights
from keystile.hub.context import Call
from keystile.hub.errors import FieldError, Invalid, NotFound
from keystile.hub.operators import service
from keystile.hub.operators.schemas import OperatorLink, Role
from keystile.store.records import OperatorRow

ROLES = (
    (rights.OWNER, "Owner", "Everything in the tenant."),
    (rights.ADMIN, "Admin", "Everything but manage operators."),
    (rights.VIEWER, "Viewer", "Look, and change nothing."),
)
"""Every role, what it is called, and what it may."""


def role_of(word: str) -> Role:
    """The role of that name. Invalid for any other word."""
    if word not in rights.ROLES:
        raise Invalid([FieldError("role", "Choose one of these.")])
    return cast("Role", word)


async def found(call: Call, tenant: str, operator_id: str) -> OperatorRow:
    """The operator, if of this tenant. NotFound otherwise, as for a tenant that is foreign or absent."""
    row = await service.show(call.connection, call.caller, operator_id)
    if row.tenant != tenant:
        raise NotFound
    return row


def link_page(
    request: ConsoleRequest, proxies: TrustedProxies, frame: Shell, made: OperatorLink, back_href: str
) -> Page:
    """A link, shown this once."""
    url = (request.address(proxies) or "") + made.path
    return page(request, "operator_link.html", shell=frame, made=made, url=url, back_href=back_href)
