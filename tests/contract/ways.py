"""How to get every answer that the document promises.

Most ways are the same for every call. What a call needs of its own stands in the tables: `test_document.py` says where
a new one is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

from world import World

from keystile import new_key_id
from keystile.hub.sessions.service import new_operator_id

_numbers = count(1)
_HUGE = "1000000000000"
Maker = Callable[[World], Awaitable[str]]


class Ask(NamedTuple):
    """What makes a request out of an operation."""

    path: dict[str, str]
    body: Any = None
    query: str = ""


async def _key(world: World) -> str:
    return str((await world.issue())[0]["id"])


async def _operator(world: World, *, role: str = "viewer", tenant: str = "home") -> str:
    asked = {"email": f"contract-{next(_numbers)}@example.com", "role": role, "tenant": tenant}
    answer = await world.client.post("/v1/operators", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["operator"]["id"])


async def _any_path(_: World) -> str:
    return "any"


OBJECTS: dict[str, tuple[Maker, Callable[[], str]]] = {
    "key_id": (_key, new_key_id),
    "operator_id": (_operator, new_operator_id),
    "tenant_id": (World.tenant, lambda: "no-such-tenant"),
    "path": (_any_path, str),
}
"""By the name of a parameter in a path: what makes an object, and the id of one that there is not."""


async def _outcome(world: World) -> Any:
    now = await world.connection.fetchval("SELECT now()")
    return {"id": f"outcome-{next(_numbers)}", "key_id": await _key(world), "status": 503, "at": now.isoformat()}


async def _new_operator(_: World) -> Any:
    return {"email": f"contract-{next(_numbers)}@example.com", "role": "viewer"}


async def _new_tenant(_: World) -> Any:
    return {"id": f"contract-{next(_numbers)}", "name": "x"}


BODIES: dict[str, Any] = {
    "POST /v1/keys": {"name": "x", "scopes": ["PSA"]},
    "PATCH /v1/keys/{key_id}": {"name": "y"},
    "POST /v1/keys/{key_id}/rotate": {"overlap_seconds": 60},
    "POST /v1/keys/{key_id}/revoke": {"reason": "a test"},
    "POST /v1/usage/outcomes": _outcome,
    "POST /v1/tenants": _new_tenant,
    "PATCH /v1/tenants/{tenant_id}": {"name": "y"},
    "POST /v1/operators": _new_operator,
    "PATCH /v1/operators/{operator_id}": {"disabled": True},
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
}
"""What a call answers with 409; the path and, where it is not the usual one, the body."""
