"""What the Hub does with operators. Owners manage them, and keys that hold everything that an operator could give."""

from __future__ import annotations

from msgspec import UNSET

from keystile.hub import text
from keystile.hub.auth import Caller
from keystile.hub.errors import Conflict, Faults, NotFound
from keystile.hub.operators.schemas import AddOperator, OperatorLink, OperatorPage, UpdateOperator
from keystile.hub.rights import OWNER, check_operators
from keystile.hub.sessions import tokens
from keystile.hub.sessions.service import LINK_S, new_operator_id
from keystile.hub.tenants.service import require_tenant
from keystile.hub.trail import record
from keystile.store import catalogue, operators, sessions
from keystile.store.pool import Connection
from keystile.store.records import OperatorRow

LINK_PATH = "/console/link/"


async def page(
    connection: Connection, caller: Caller, *, tenant: str | None, limit: int, cursor: str | None
) -> OperatorPage:
    """Operators of one tenant."""
    acting = await require_tenant(connection, caller.acting_for(tenant))
    rows, following = await operators.page(connection, acting, limit=limit, cursor=cursor)
    return OperatorPage(items=rows, next_cursor=following)


async def show(connection: Connection, caller: Caller, operator_id: str) -> OperatorRow:
    """One operator. NotFound for an absent or foreign one."""
    row = await operators.get(connection, text.operator_id(operator_id), caller.reach)
    if row is None:
        raise NotFound
    return row


async def add(connection: Connection, caller: Caller, asked: AddOperator) -> OperatorLink:
    """Add an operator, with a link to choose a password. RoleRefused, Escalation, Invalid, NotFound or Conflict."""
    tenant = await require_tenant(connection, caller.acting_for(asked.tenant))
    await _may_manage(connection, caller)
    faults = Faults()
    email = text.email(faults, "email", asked.email)
    faults.check()
    row = await operators.insert(
        connection, new_operator_id(), tenant=tenant, email=email, role=asked.role, created_by=caller.actor
    )
    if row is None:
        raise Conflict("operator_exists")
    await _tell(connection, caller, "operator.create", row, email=row.email, role=row.role)
    return await _link(connection, caller, row)


async def update(connection: Connection, caller: Caller, operator_id: str, asked: UpdateOperator) -> OperatorRow:
    """Change role or disable: the sessions of whoever is disabled end at once. Conflict for the last owner."""
    row = await _managed(connection, caller, operator_id)
    role = row.role if asked.role is UNSET else asked.role
    disabled = row.disabled if asked.disabled is UNSET else asked.disabled
    if (role, disabled) == (row.role, row.disabled):
        return row
    if row.role == OWNER and (role != OWNER or disabled):
        await _check_not_last(connection, row)
    changed = await operators.update(connection, row.id, row.tenant, role=role, disabled=disabled)
    if changed is None:
        raise NotFound
    if changed.disabled:
        await sessions.end_all(connection, row.id)
    detail = {
        name: {"from": before, "to": after}
        for name, before, after in (("role", row.role, role), ("disabled", row.disabled, disabled))
        if before != after
    }
    await _tell(connection, caller, "operator.update", row, **detail)
    return changed


async def link(connection: Connection, caller: Caller, operator_id: str) -> OperatorLink:
    """A new link to choose a password, instead of any before it. Conflict for an operator who is disabled."""
    row = await _managed(connection, caller, operator_id)
    if row.disabled:
        raise Conflict("operator_disabled")
    return await _link(connection, caller, row)


async def _link(connection: Connection, caller: Caller, row: OperatorRow) -> OperatorLink:
    token = tokens.new()
    digest = tokens.digest(token)
    assert digest is not None  # noqa: S101  a token of our own has the form of one
    expires_at = await sessions.make_link(connection, digest, row.id, LINK_S)
    await _tell(connection, caller, "operator.link", row)
    return OperatorLink(operator=row, path=LINK_PATH + token, expires_at=expires_at)


async def _managed(connection: Connection, caller: Caller, operator_id: str) -> OperatorRow:
    row = await show(connection, caller, operator_id)
    await _may_manage(connection, caller)
    return row


async def _may_manage(connection: Connection, caller: Caller) -> None:
    tiers = {tier.name: tier for tier in await catalogue.tiers(connection)}
    check_operators(caller, tiers, [scope.name for scope in await catalogue.scopes(connection)])


async def _check_not_last(connection: Connection, row: OperatorRow) -> None:
    """A tenant that had an owner keeps one: else nobody could let anybody in any more."""
    if await operators.lock_owners(connection, row.tenant) == [row.id]:
        raise Conflict("last_owner")


async def _tell(connection: Connection, caller: Caller, action: str, row: OperatorRow, **detail: object) -> None:
    await record(connection, caller, action, tenant=row.tenant, target=row.id, detail=detail)
