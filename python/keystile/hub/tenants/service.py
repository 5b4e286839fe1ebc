"""What the Hub does with tenants. The home tenant sees and makes them all; others see just their own."""

from __future__ import annotations

from collections.abc import Collection

from keystile.hub import text
from keystile.hub.auth import Caller
from keystile.hub.errors import Conflict, Faults, HomeOnly, NotFound
from keystile.hub.tenants.schemas import CreateTenant, TenantPage, UpdateTenant
from keystile.hub.trail import record
from keystile.store import tenants
from keystile.store.pool import Connection
from keystile.store.records import TenantRow


async def require_tenant(connection: Connection, tenant: str) -> str:
    """The same id. NotFound if there is no such tenant."""
    if await tenants.get(connection, text.tenant_id(tenant)) is None:
        raise NotFound("No such tenant.")
    return tenant


async def reached(connection: Connection, caller: Caller, named: Collection[str]) -> set[str]:
    """Those of the tenants named that there are, and that the caller may act for."""
    if not caller.home:
        return {caller.tenant}.intersection(named)
    ids = [one for one in named if text.is_tenant_id(one)]
    return await tenants.present(connection, ids) if ids else set()


async def page(
    connection: Connection, caller: Caller, *, limit: int, cursor: str | None, q: str | None = None
) -> TenantPage:
    """The tenants that the caller may see, of them those with `q` in id or name."""
    if not caller.home:
        own = await show(connection, caller, caller.tenant)
        return TenantPage(items=[own] if (q or "").lower() in f"{own.id}\n{own.name}".lower() else [], next_cursor=None)
    rows, following = await tenants.page(connection, limit=limit, cursor=cursor, q=q)
    return TenantPage(items=rows, next_cursor=following)


async def show(connection: Connection, caller: Caller, tenant: str) -> TenantRow:
    """One tenant. NotFound for an absent or foreign one."""
    row = await tenants.get(connection, caller.acting_for(text.tenant_id(tenant)))
    if row is None:
        raise NotFound
    return row


async def create(connection: Connection, caller: Caller, asked: CreateTenant) -> TenantRow:
    """Add a tenant. HomeOnly, Invalid, or Conflict if the id is taken."""
    if not caller.home:
        raise HomeOnly
    faults = Faults()
    tenant = text.new_tenant_id(faults, asked.id)
    name = text.line(faults, "name", asked.name, longest=text.NAME_CHARS)
    faults.check()
    row = await tenants.insert(connection, tenant, name)
    if row is None:
        raise Conflict("tenant_exists")
    await record(connection, caller, "tenant.create", tenant=row.id, target=row.id, detail={"name": row.name})
    return row


async def rename(connection: Connection, caller: Caller, tenant: str, asked: UpdateTenant) -> TenantRow:
    """Rename a tenant. NotFound, HomeOnly or Invalid; no audit row without a change."""
    row = await show(connection, caller, tenant)
    if not caller.home:
        raise HomeOnly
    faults = Faults()
    name = text.line(faults, "name", asked.name, longest=text.NAME_CHARS)
    faults.check()
    if name == row.name:
        return row
    changed = await tenants.update(connection, row.id, name)
    if changed is None:
        raise NotFound
    detail = {"name": {"from": row.name, "to": name}}
    await record(connection, caller, "tenant.update", tenant=row.id, target=row.id, detail=detail)
    return changed
