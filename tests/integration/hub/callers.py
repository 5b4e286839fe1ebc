"""Everybody who could call: roles and keys of a tenant, of another one and of the home tenant, and nobody."""

from __future__ import annotations

import os
from itertools import count
from typing import NamedTuple

import httpx
from policy import OPEN, RANKS, Rule
from world import World

from keystile import new_key_id
from keystile.hub.sessions import tokens
from keystile.hub.sessions.service import new_operator_id
from keystile.hub.webhooks.service import new_webhook_id
from keystile.store import keys, operators
from keystile.store.records import NewKey

OWN, FOREIGN, HOME = "the-owning-tenant", "some-other-tenant", "home"
_HASH = "$argon2id$nobody-knows-it"
_numbers = count(1)


class Caller(NamedTuple):
    """Who calls; `operator` is an operator's id, `secret` a key's. Neither: nobody, or one whose session is over."""

    name: str
    tenant: str | None = None
    role: str | None = None
    operator: str | None = None
    secret: str | None = None
    ended: bool = False

    def is_let(self, rule: Rule, *, api: bool) -> bool:
        """Whether the policy lets them, for what is of their own tenant or, from the home tenant, of any."""
        if rule.least == OPEN:
            return True
        if self.tenant is None or (self.secret is not None and not api):
            return False
        if rule.home and self.tenant != HOME:
            return False
        ranks = (*RANKS, None)  # a key that holds everything stands above
        return rule.least not in RANKS or ranks.index(self.role) >= ranks.index(rule.least)


async def everybody(world: World) -> list[Caller]:
    """All of them, with tenants of their own; no password is hashed for it."""
    for tenant in (OWN, FOREIGN):
        made = await world.client.post("/v1/tenants", json={"id": tenant, "name": f"The tenant {tenant}"})
        assert made.status_code == 201, made.text
    found = [Caller("nobody"), Caller("one whose session is over", operator=await operator(world, OWN), ended=True)]
    for tenant in (OWN, FOREIGN, HOME):
        found += [
            Caller(f"{role} of {tenant}", tenant, role, operator=await operator(world, tenant, role)) for role in RANKS
        ]
    scopes = [scope.name for scope in world.settings.scopes]
    for tenant in (OWN, FOREIGN):
        _, secret = await world.issue(scopes=scopes, tier="Enterprise", tenant=tenant)
        found.append(Caller(f"key of {tenant}", tenant, secret=secret))
    return [*found, Caller("key of home", HOME, secret=world.secret)]


async def operator(world: World, tenant: str, role: str = "owner") -> str:
    """A new operator's id."""
    new = new_operator_id()
    email = f"op-{next(_numbers)}@{tenant}.example"
    await operators.insert(world.connection, new, tenant=tenant, email=email, role=role, created_by="test")
    await operators.set_password(world.connection, new, _HASH)
    return new


async def key(world: World, tenant: str, *, revoked: bool = False) -> str:
    """A new key's id."""
    new = NewKey(
        id=new_key_id(),
        tenant=tenant,
        name="some key",
        start="tos_0000",
        last4="0000",
        digest=os.urandom(32),
        scopes=["PSA"],
        tier="Standard",
        created_by="test",
    )
    await keys.insert(world.connection, new)
    if revoked:
        await keys.revoke(world.connection, new.id, tenant, None)
    return new.id


async def webhook(world: World, tenant: str) -> str:
    """A new webhook's id; nothing is ever sent to it."""
    new = new_webhook_id()
    await world.connection.execute(
        "INSERT INTO webhooks (id, tenant, url, events, secret, created_by)"
        " VALUES ($1, $2, 'https://nobody.invalid/', '{key.expiring}', 'nothing', 'test')",
        new,
        tenant,
    )
    return new


async def delivery(world: World, webhook_id: str, tenant: str) -> str:
    """The id of a delivery to a webhook, which has ended; of one that is not there, an id that is not there."""
    return await world.connection.fetchval(  # type: ignore[no-any-return]
        "WITH made AS (INSERT INTO webhook_deliveries (webhook_id, tenant, event, payload, status, ended_at)"
        " SELECT id, tenant, 'webhook.test', '{}', 'delivered', now() FROM webhooks WHERE id = $1 AND tenant = $2"
        " RETURNING id) SELECT COALESCE((SELECT id FROM made), 'msg_' || repeat('0', 32))",
        webhook_id,
        tenant,
    )


async def browser(world: World, caller: Caller) -> httpx.AsyncClient:
    """A client as theirs, with a session begun for this call."""
    client = world.visitor()
    if caller.secret is not None:
        client.headers["Authorization"] = f"Bearer {caller.secret}"
    elif caller.operator is not None:
        digest = tokens.digest(token := tokens.new())
        ends = "now()" if caller.ended else "now() + interval '1 hour'"
        await world.connection.execute(
            f"INSERT INTO operator_sessions (digest, operator_id, expires_at) VALUES ($1, $2, {ends})",
            digest,
            caller.operator,
        )
        client.cookies.set("keystile-session", token)
    return client
