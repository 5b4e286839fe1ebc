"""How to get every answer that the document promises.

Most ways are the same for every call. What a call needs of its own stands in the tables: `test_document.py` says where
a new one is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

from world import World

from keystile import mint, new_key_id
from keystile.hub.sessions.service import new_operator_id
from keystile.hub.webhooks.service import new_webhook_id
from keystile.store.webhooks import MOST as MOST_WEBHOOKS

_numbers = count(1)
Maker = Callable[[World, dict[str, str]], Awaitable[str]]
_NOWHERE = "http://127.0.0.1:9/"
"""Where nobody listens; the world's webhooks may go there."""


class Ask(NamedTuple):
    """What makes a request out of an operation."""

    path: dict[str, str]
    body: Any = None
    query: str = ""


async def _key(world: World, _: object = None) -> str:
    return str((await world.issue())[0]["id"])


async def _operator(world: World, _: object = None, *, role: str = "viewer", tenant: str = "home") -> str:
    asked = {"email": f"contract-{next(_numbers)}@example.com", "role": role, "tenant": tenant}
    answer = await world.client.post("/v1/operators", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["operator"]["id"])


async def _tenant(world: World, _: object = None) -> str:
    return await world.tenant()


async def _any_path(*_: object) -> str:
    return "any"


async def _scope(*_: object) -> str:
    return "PSA"


async def _new_webhook(world: World) -> Any:
    # Each of a tenant of its own, which may have only so many.
    return {"url": _NOWHERE, "events": ["key.revoked"], "tenant": await world.tenant()}


async def _webhook(world: World, _: object = None) -> str:
    answer = await world.client.post("/v1/webhooks", json=await _new_webhook(world))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["webhook"]["id"])


async def _delivery(world: World, path: dict[str, str]) -> str:
    answer = await world.client.post(f"/v1/webhooks/{path['webhook_id']}/test")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


OBJECTS: dict[str, tuple[Maker, Callable[[], str]]] = {
    "key_id": (_key, new_key_id),
    "operator_id": (_operator, new_operator_id),
    "tenant_id": (_tenant, lambda: "no-such-tenant"),
    "webhook_id": (_webhook, new_webhook_id),
    "delivery_id": (_delivery, lambda: "msg_" + "0" * 32),
    "path": (_any_path, str),
    "scope": (_scope, str),
}
"""By the name of a parameter in a path: what makes an object, given those before it, and the id of one that is not."""


async def _outcome(world: World) -> Any:
    now = await world.connection.fetchval("SELECT now()")
    return {"id": f"outcome-{next(_numbers)}", "key_id": await _key(world), "status": 503, "at": now.isoformat()}


async def _new_operator(_: World) -> Any:
    return {"email": f"contract-{next(_numbers)}@example.com", "role": "viewer"}


async def _new_tenant(_: World) -> Any:
    return {"id": f"contract-{next(_numbers)}", "name": "x"}


async def _line_to_import(_: World) -> Any:
    return {"name": "x", "scopes": [], "secret": mint()}


BODIES: dict[str, Any] = {
    "POST /v1/keys": {"name": "x", "scopes": ["PSA"]},
    "PATCH /v1/keys/{key_id}": {"name": "y"},
    "POST /v1/keys/{key_id}/rotate": {"overlap_seconds": 60},
    "POST /v1/keys/{key_id}/revoke": {"reason": "a test"},
    "POST /v1/keys/self/revoke": {"reason": "a test"},
    "POST /v1/keys/import": _line_to_import,
    "POST /v1/leaks": [
        {"token": "tos_0000000000000000000000105PGE", "type": "keystile", "url": "", "source": "content"}
    ],
    "POST /v1/usage/outcomes": _outcome,
    "POST /v1/tenants": _new_tenant,
    "PATCH /v1/tenants/{tenant_id}": {"name": "y"},
    "POST /v1/operators": _new_operator,
    "PATCH /v1/operators/{operator_id}": {"disabled": True},
    "POST /v1/webhooks": _new_webhook,
    "PATCH /v1/webhooks/{webhook_id}": {"note": "y"},
    "POST /v1/webhooks/{webhook_id}/rotate": {"overlap_seconds": 60},
    "POST /v1/verify": {"key": "tos_0000000000000000000000105PGE"},
}
"""A body that is right, or what makes one. Lines of JSON are written as one line."""


async def _of_a_revoked_key(world: World) -> Ask:
    key_id = await _key(world)
    assert (await world.client.post(f"/v1/keys/{key_id}/revoke")).status_code == 200
    return Ask({"key_id": key_id})


async def _of_a_disabled_operator(world: World) -> Ask:
    operator_id = await _operator(world)
    assert (await world.client.patch(f"/v1/operators/{operator_id}", json={"disabled": True})).status_code == 200
    return Ask({"operator_id": operator_id})


async def _of_the_last_owner(world: World) -> Ask:
    return Ask({"operator_id": await _operator(world, role="owner", tenant=await world.tenant())})


async def _of_a_disabled_webhook(world: World) -> Ask:
    webhook_id = await _webhook(world)
    delivery_id = await _delivery(world, {"webhook_id": webhook_id})
    assert (await world.client.patch(f"/v1/webhooks/{webhook_id}", json={"disabled": True})).status_code == 200
    return Ask({"webhook_id": webhook_id, "delivery_id": delivery_id})


async def _of_a_tenant_with_many_webhooks(world: World) -> Ask:
    asked = await _new_webhook(world)
    for _ in range(MOST_WEBHOOKS):
        assert (await world.client.post("/v1/webhooks", json=asked)).status_code == 201
    return Ask({}, asked)


async def _of_an_address_in_use(world: World) -> Ask:
    rows = (await world.client.get(f"/v1/operators/{await _operator(world)}")).json()
    return Ask({}, {"email": rows["email"], "role": "viewer"})


async def _of_a_tenant_that_is_there(_: World) -> Ask:
    return Ask({}, {"id": "home", "name": "x"})


CONFLICTS: dict[str, Callable[[World], Awaitable[Ask]]] = {
    "PATCH /v1/keys/{key_id}": _of_a_revoked_key,
    "POST /v1/keys/{key_id}/rotate": _of_a_revoked_key,
    "POST /v1/keys/{key_id}/rotate/end": _of_a_revoked_key,
    "POST /v1/operators": _of_an_address_in_use,
    "PATCH /v1/operators/{operator_id}": _of_the_last_owner,
    "POST /v1/operators/{operator_id}/link": _of_a_disabled_operator,
    "POST /v1/tenants": _of_a_tenant_that_is_there,
    "POST /v1/webhooks": _of_a_tenant_with_many_webhooks,
    "POST /v1/webhooks/{webhook_id}/test": _of_a_disabled_webhook,
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry": _of_a_disabled_webhook,
}
"""What a call answers with 409; the path and, where it is not the usual one, the body."""
