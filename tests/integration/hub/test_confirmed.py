"""`wait=confirmed`: the answer comes when no gate decides without the change any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from world import World

from keystile._core import boottime
from keystile.store import receipts
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect
from keystile.store.receipts import Registration

Eventually = Callable[..., Awaitable[None]]
OTHER = b"another machine!"
STALE_AFTER_MS = 1_500
REVOKED = "SELECT revoked_at IS NOT NULL FROM keys WHERE id = $1"
OPEN = """SELECT count(*) FROM pg_stat_activity
          WHERE datname = current_database() AND state LIKE 'idle in transaction%'
                AND xact_start < now() - interval '0.2 s'"""


@pytest.fixture
async def other(world: World) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Registers a gate that then says nothing more; it is forgotten after the test."""

    async def register(stale_after_ms: int = 500, stale_policy: Any = "deny") -> None:
        await receipts.register(
            world.connection,
            Registration(
                id=OTHER, machine="far", version="0", stale_after_ms=stale_after_ms, stale_policy=stale_policy
            ),
        )

    yield register
    await world.connection.execute("DELETE FROM receipts WHERE machine = 'far'")
    await world.connection.execute("UPDATE feed_state SET longest_lease_ms = 10000")


async def revoke(world: World, key_id: str, client: httpx.AsyncClient | None = None) -> dict[str, Any]:
    answer = await (client or world.client).post(f"/v1/keys/{key_id}/revoke?wait=confirmed", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "revoked"
    return answer.json()["confirmation"]  # type: ignore[no-any-return]


async def test_with_all_gates_there_it_is_confirmed_at_once(world: World) -> None:
    key, secret = await world.issue()
    found = await revoke(world, key["id"])
    assert (found["confirmed"], found["gates"], found["waited_out"], found["unconfirmed"]) == (True, 1, [], [])
    assert found["revision"] == await world.connection.fetchval("SELECT rev FROM feed_clock")
    assert await world.decide(secret) == (401, "revoked_key")
    again = await revoke(world, key["id"])
    assert again["confirmed"]


async def test_changes_and_rotations_can_be_confirmed_too(world: World) -> None:
    key, old = await world.issue()
    answer = await world.client.patch(f"/v1/keys/{key['id']}?wait=confirmed", json={"disabled": True})
    assert (answer.json()["disabled"], answer.json()["confirmation"]["confirmed"]) == (True, True)
    await world.client.patch(f"/v1/keys/{key['id']}", json={"disabled": False})
    body = {"overlap_seconds": 0}
    rotated = (await world.client.post(f"/v1/keys/{key['id']}/rotate?wait=confirmed", json=body)).json()
    assert rotated["confirmation"]["confirmed"]
    assert await world.decide(old) == (401, "unknown_key")
    assert await world.decide(rotated["secret"]) == (200, "ok")


async def test_without_it_nothing_is_waited_for(world: World, other: Callable[..., Awaitable[None]]) -> None:
    await other(stale_after_ms=60_000)
    key, _ = await world.issue()
    asked_ns = boottime()
    answer = await world.client.post(f"/v1/keys/{key['id']}/revoke", json={})
    assert "confirmation" not in answer.json()
    assert boottime() - asked_ns < 30_000_000_000
    assert (await world.client.post(f"/v1/keys/{key['id']}/revoke?wait=please", json={})).status_code == 422


async def test_a_silent_gate_is_waited_out_and_named(world: World, other: Callable[..., Awaitable[None]]) -> None:
    key, _ = await world.issue()
    await other()
    asked_ns = boottime()
    found = await revoke(world, key["id"])
    assert boottime() - asked_ns >= 500_000_000
    assert found["waited_out"] == [{"gate": OTHER.hex(), "machine": "far"}]
    assert (found["confirmed"], found["gates"]) == (True, 2)


async def test_a_gate_that_is_gone_is_not_waited_for(world: World, other: Callable[..., Awaitable[None]]) -> None:
    key, _ = await world.issue()
    await other(stale_after_ms=60_000)
    await world.connection.execute("UPDATE receipts SET lapsed = true WHERE machine = 'far'")
    found = await revoke(world, key["id"])
    assert (found["confirmed"], found["gates"], found["waited_out"]) == (True, 1, [])


async def test_a_gate_that_goes_on_when_stale_stays_unconfirmed(
    world: World, other: Callable[..., Awaitable[None]]
) -> None:
    key, _ = await world.issue()
    await other(stale_policy="allow")
    found = await revoke(world, key["id"])
    assert found["unconfirmed"] == [{"gate": OTHER.hex(), "machine": "far"}]
    assert (found["confirmed"], found["waited_out"]) == (False, [])


async def test_after_a_failover_gates_that_are_not_known_are_waited_for(world: World) -> None:
    """Their registration may be in the tail that was lost."""
    key, _ = await world.issue()
    state = "UPDATE feed_state SET settled_timeline = $1, longest_lease_ms = $2"
    await world.connection.execute(state, 0, 3_600_000)
    asking = asyncio.create_task(revoke(world, key["id"]))
    try:
        await asyncio.sleep(0.5)
        assert not asking.done()
    finally:
        await world.connection.execute(state, 1, 10_000)
    assert (await asking)["confirmed"]


async def test_other_tenants_are_not_told_the_machines_names(
    world: World, other: Callable[..., Awaitable[None]]
) -> None:
    tenant = await world.tenant()
    _, secret = await world.issue(scopes=["Hub"], tenant=tenant)
    theirs, _ = await world.issue(tenant=tenant, scopes=["Hub"])
    await other()
    async with world.client_of(secret) as client:
        found = await revoke(world, theirs["id"], client)
    assert found["waited_out"] == [{"gate": OTHER.hex(), "machine": None}]


async def test_the_database_is_lost_meanwhile(
    world: World, other: Callable[..., Awaitable[None]], postgres: EmbeddedPostgres, eventually: Eventually
) -> None:
    key, _ = await world.issue()
    await other(stale_after_ms=60_000)
    asking = asyncio.create_task(world.client.post(f"/v1/keys/{key['id']}/revoke?wait=confirmed", json={}))
    await eventually(lambda: world.connection.fetchval(REVOKED, key["id"]))
    await asyncio.sleep(0.1)
    name = await world.connection.fetchval("SELECT current_database()")
    admin = await connect(postgres.admin_url)
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2",
            name,
            world.connection.get_server_pid(),
        )
        answer = await asyncio.wait_for(asking, 20)
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "not_confirmed")
    assert "is made" in answer.json()["detail"]

    async def back() -> bool:
        return (await world.client.get(f"/v1/keys/{key['id']}")).status_code == 200

    await eventually(back)


async def test_a_rotated_secret_is_not_lost_for_want_of_a_receipt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = await world.issue()

    async def lost(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(receipts, "standings", lost)
    answer = await world.client.post(f"/v1/keys/{key['id']}/rotate?wait=confirmed", json={})
    assert answer.status_code == 200
    assert answer.json()["confirmation"]["confirmed"] is False
    assert await world.decide(answer.json()["secret"]) == (200, "ok")


async def test_a_client_that_hangs_up_ends_the_waiting(
    world: World, other: Callable[..., Awaitable[None]], eventually: Eventually
) -> None:
    key, _ = await world.issue()
    await other(stale_after_ms=60_000)
    messages = iter([{"type": "http.request", "body": b"{}", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await eventually(lambda: world.connection.fetchval(REVOKED, key["id"]))
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        """Nobody is there to read it."""

    headers = {"authorization": f"Bearer {world.secret}", "content-type": "application/json", "content-length": "2"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"/v1/keys/{key['id']}/revoke", "raw_path": f"/v1/keys/{key['id']}/revoke".encode(),
        "query_string": b"wait=confirmed", "root_path": "", "client": ("127.0.0.1", 1), "server": ("hub", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "state": {},
    }  # fmt: skip
    await asyncio.wait_for(world.app(scope, receive, send), 20)


async def test_no_transaction_is_open_while_it_waits(world: World, other: Callable[..., Awaitable[None]]) -> None:
    key, _ = await world.issue()
    await other(stale_after_ms=1_000)
    asking = asyncio.create_task(revoke(world, key["id"]))
    await asyncio.sleep(0.5)
    assert not asking.done()
    assert await world.connection.fetchval(OPEN) == 0
    await asking


async def test_the_store_can_be_asked_by_anybody_who_waits(world: World) -> None:
    conn = await connect(str(world.settings.database_url))
    try:
        standings = await receipts.standings(conn, 0)
        assert standings.known_to_all
        assert [gate.applied for gate in standings.gates] == [True]
    finally:
        await conn.close()
