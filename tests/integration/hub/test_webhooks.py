"""Webhooks, to a real receiver: what is told, when, in which order, and what happens when nobody listens."""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from receiver import Receiver
from standardwebhooks import Webhook, WebhookVerificationError
from world import World, open_world

from keystile.hub.webhooks import outcome
from keystile.store import deliveries, keys
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.records import Revocation

Eventually = Callable[..., Awaitable[None]]
PATH = "/v1/webhooks"
EVENTS = ["key.created", "key.rotated", "key.revoked"]


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    """A Hub that may send to this machine."""
    async with open_world(postgres, template, webhook_networks=("127.0.0.0/8",)) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()
    assert one.faults == []


@pytest.fixture
async def tenant(world: World) -> AsyncIterator[str]:
    """A tenant of the test's own; nothing is sent to its webhooks afterwards."""
    made = await world.tenant()
    yield made
    await world.connection.execute("UPDATE webhooks SET disabled = true WHERE tenant = $1", made)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other quickly."""
    monkeypatch.setattr(outcome, "PAUSES_S", (0.05,) * len(outcome.PAUSES_S))


async def hook(world: World, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    """A webhook that sends to the receiver."""
    asked = {"url": receiver.url, "events": EVENTS, **fields}
    answer = await world.client.post(PATH, json=asked)
    assert answer.status_code == 201, answer.text
    receiver.secrets.append(answer.json()["secret"])
    return dict(answer.json()["webhook"])


async def made(world: World, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """The webhook's deliveries, oldest first."""
    answer = await world.client.get(f"{PATH}/{webhook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["items"]))


async def trail(world: World, webhook: dict[str, Any]) -> list[tuple[str, str]]:
    """Who did what to it."""
    rows = await world.connection.fetch("SELECT actor, action FROM audit WHERE target = $1 ORDER BY id", webhook["id"])
    return [(row["actor"], row["action"]) for row in rows]


def times(value: Any) -> Any:
    """Moments instead of their texts, of which there is more than one."""
    if isinstance(value, dict):
        return {name: times(one) for name, one in value.items()}
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


async def test_what_becomes_of_a_key_is_told_in_order(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    webhook = await hook(world, receiver, tenant=tenant)
    await hook(world, receiver, tenant=await world.tenant())  # another tenant's is told nothing
    receiver.secrets.pop()
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    key, secret = await world.issue(tenant=tenant, name='A "key" \u202e <b>é', expires_at=expires_at, note="\n💡")
    path = f"/v1/keys/{key['id']}"
    rotated = (await world.client.post(f"{path}/rotate", json={"overlap_seconds": 60})).json()
    await world.client.patch(path, json={"name": "Only the name"})
    await world.client.post(f"{path}/revoke", json={"reason": "Lost."})
    await eventually(lambda: len(receiver.received) >= 3)
    assert [one.what for one in receiver.received] == [(event, key["id"]) for event in EVENTS]
    first, second, third = (one.event["data"]["key"] for one in receiver.received)
    assert times(first) == times(key)
    assert times(second) == times(rotated["key"])
    assert times(third) == times((await world.client.get(path)).json())
    text = b"".join(one.raw for one in receiver.received).decode()
    assert secret not in text
    assert rotated["secret"] not in text
    assert {one.headers["content-type"] for one in receiver.received} == {"application/json"}
    assert all(one.headers["user-agent"].startswith("Keystile/") for one in receiver.received)

    rows = await made(world, webhook)
    assert [(row["id"], row["event"], row["key_id"]) for row in rows] == [
        (one.id, one.event["type"], key["id"]) for one in receiver.received
    ]

    async def all_noted() -> bool:
        fields = ("status", "attempts", "last_status", "last_error")
        ends = {tuple(row[field] for field in fields) for row in await made(world, webhook)}
        return ends == {("delivered", 1, 204, None)}

    await eventually(all_noted)


async def test_a_change_is_told_whoever_makes_it_and_not_if_it_is_taken_back(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    await hook(world, receiver, tenant=tenant, events=["key.revoked"])
    by_hand, by_agent, never = [(await world.issue(tenant=tenant))[0]["id"] for _ in range(3)]
    begun = world.connection.transaction()
    await begun.start()
    await keys.revoke(world.connection, never, tenant, None)
    await begun.rollback()
    await world.connection.execute("UPDATE keys SET revoked_at = now() WHERE id = $1", by_hand)
    await keys.reassert(world.connection, "agent", [Revocation(by_agent, datetime.now(UTC), "Before.")])
    await eventually(lambda: len(receiver.received) >= 2)
    assert [one.what for one in receiver.received] == [("key.revoked", by_hand), ("key.revoked", by_agent)]
    assert receiver.received[1].event["data"]["key"]["revoked_reason"] == "Before."


@pytest.mark.usefixtures("impatient")
async def test_each_key_in_order_whatever_fails_and_others_do_not_wait(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    luck = random.Random(1)
    together, most, lock = 0, 0, threading.Lock()

    def flaky(_: Any, event: dict[str, Any]) -> int:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        threading.Event().wait(0.02)
        with lock:
            together -= 1
        return 500 if luck.random() < 0.4 else 200

    receiver.behave = flaky
    await hook(world, receiver, tenant=tenant)
    ids = []
    for _ in range(6):
        key, _ = await world.issue(tenant=tenant)
        ids.append(key["id"])
        await world.client.post(f"/v1/keys/{key['id']}/rotate")
        await world.client.post(f"/v1/keys/{key['id']}/revoke")
    await eventually(lambda: len(receiver.answered(200)) >= 18)
    for key_id in ids:
        of_key = [one for one in receiver.received if one.what[1] == key_id]
        # Each is tried until it arrives, and only then the next.
        assert [one.event["type"] for one in of_key if one.status == 200] == EVENTS
        assert sorted(of_key, key=lambda one: EVENTS.index(one.event["type"])) == of_key
        assert len({one.id for one in of_key}) == 3
    assert 1 < most <= 4


@pytest.mark.usefixtures("impatient")
async def test_a_receiver_that_was_away_gets_everything(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    webhook = await hook(world, receiver, tenant=tenant)
    receiver.close()
    key, _ = await world.issue(tenant=tenant)

    async def tried() -> bool:
        (row,) = await made(world, webhook)
        return int(row["attempts"]) >= 2

    await eventually(tried)
    (row,) = await made(world, webhook, status="waiting")
    assert (row["last_status"], row["last_error"]) == (
        None,
        "The connection was refused, or there is no way to the host.",
    )
    assert (await world.client.get(f"{PATH}/{webhook['id']}")).json()["failing_since"] is not None
    back = Receiver(receiver.port)
    back.secrets = receiver.secrets
    try:
        await eventually(back.answered)
        assert [(one.id, *one.what) for one in back.received] == [(row["id"], "key.created", key["id"])]

        async def well() -> bool:
            return (await world.client.get(f"{PATH}/{webhook['id']}")).json()["failing_since"] is None

        await eventually(well)
    finally:
        back.close()


async def test_what_a_killed_courier_had_taken_is_delivered_under_the_same_id(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    webhook = await hook(world, receiver, tenant=tenant, events=["key.revoked"])
    key, _ = await world.issue(tenant=tenant)
    async with world.connection.transaction():
        await keys.revoke(world.connection, key["id"], tenant, None)
        # Taken before anybody else can see it; then this courier is never heard of again.
        (claim,), _ = await deliveries.claim(world.connection, most=9, most_each=9, under_way={}, seconds=0.5)
    assert claim.attempt == 1
    await eventually(lambda: receiver.received)
    assert [one.id for one in receiver.received] == [claim.id]

    async def over() -> bool:
        return [(row["status"], row["attempts"]) for row in await made(world, webhook)] == [("delivered", 2)]

    await eventually(over)
    # What the first one reports late changes nothing.
    assert (
        await deliveries.failed(world.connection, claim.id, claim.attempt, status=500, error="Late.", again_s=0) is None
    )
    assert await over()


@pytest.mark.usefixtures("impatient")
async def test_what_never_arrives_is_given_up_and_can_be_asked_for_again(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    webhook = await hook(world, receiver, tenant=tenant)
    receiver.behave = lambda *_: 503
    key, _ = await world.issue(tenant=tenant)
    await world.client.post(f"/v1/keys/{key['id']}/revoke")

    async def statuses() -> list[str]:
        return [row["status"] for row in await made(world, webhook)]

    async def given_up() -> bool:
        return await statuses() == ["failed", "failed"]

    await eventually(given_up)
    first, second = await made(world, webhook)
    assert [first["attempts"], second["attempts"]] == [10, 10]
    assert (first["last_status"], first["last_error"]) == (503, "The answer was 503.")
    assert [one.event["type"] for one in receiver.received] == ["key.created"] * 10 + ["key.revoked"] * 10
    receiver.behave = lambda *_: 200
    again = await world.client.post(f"{PATH}/{webhook['id']}/deliveries/{second['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "waiting")
    await eventually(lambda: receiver.answered(200))
    assert receiver.received[-1].id == second["id"]
    assert [one["id"] for one in await made(world, webhook, status="failed")] == [first["id"]]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("case", [(500, 3, 10), (410, 0, 1)], ids=["silence", "gone"])
async def test_a_webhook_at_which_nothing_arrives_for_days_is_disabled(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually, case: tuple[int, int, int]
) -> None:
    status, days, attempts = case
    webhook = await hook(world, receiver, tenant=tenant)
    both_told = threading.Event()
    receiver.behave = lambda *_: status if both_told.wait(10) else None
    since = datetime.now(UTC) - timedelta(days=days)
    await world.connection.execute("UPDATE webhooks SET failing_since = $2 WHERE id = $1", webhook["id"], since)
    key, _ = await world.issue(tenant=tenant)
    await world.client.post(f"/v1/keys/{key['id']}/revoke")
    both_told.set()

    async def disabled() -> bool:
        return bool((await world.client.get(f"{PATH}/{webhook['id']}")).json()["disabled"])

    await eventually(disabled)
    assert (await world.client.get(f"{PATH}/{webhook['id']}")).json()["disabled_reason"]
    assert [(row["status"], row["attempts"]) for row in await made(world, webhook)] == [
        ("failed", attempts),
        ("failed", 0),
    ]
    assert (await trail(world, webhook))[-1] == ("webhooks", "webhook.update")
    await world.issue(tenant=tenant)
    assert len(await made(world, webhook)) == 2
    for call in ("test", f"deliveries/{(await made(world, webhook))[0]['id']}/retry"):
        answer = await world.client.post(f"{PATH}/{webhook['id']}/{call}")
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")
    enabled = await world.client.patch(f"{PATH}/{webhook['id']}", json={"disabled": False})
    assert (enabled.json()["disabled_reason"], enabled.json()["failing_since"]) == (None, None)


async def test_two_secrets_sign_until_the_overlap_ends(
    world: World, tenant: str, receiver: Receiver, eventually: Eventually
) -> None:
    webhook = await hook(world, receiver, tenant=tenant)
    path = f"{PATH}/{webhook['id']}"
    stored = await world.connection.fetchval("SELECT secret FROM webhooks WHERE id = $1", webhook["id"])
    assert len(stored) == 12 + 32 + 16  # nonce, secret, tag: encrypted

    async def sent(number: int) -> Any:
        assert (await world.client.post(f"{path}/test")).status_code == 202
        await eventually(lambda: len(receiver.received) == number)
        return receiver.received[-1]

    one = await sent(1)
    assert one.event["type"] == "webhook.test"
    assert one.event["data"] == {"webhook": {"id": webhook["id"], "tenant": tenant}}
    rotated = (await world.client.post(f"{path}/rotate", json={"overlap_seconds": 60})).json()
    assert rotated["webhook"]["previous_secret_expires_at"] is not None
    receiver.secrets.append(rotated["secret"])
    both = await sent(2)
    assert len(both.headers["webhook-signature"].split()) == 2
    old = receiver.secrets.pop(0)
    ended = (await world.client.post(f"{path}/rotate", json={"overlap_seconds": 0})).json()
    assert ended["webhook"]["previous_secret_expires_at"] is None
    receiver.secrets = [ended["secret"]]
    last = await sent(3)
    for gone in (old, rotated["secret"]):
        with pytest.raises(WebhookVerificationError):
            Webhook(gone).verify(last.raw, last.headers)
    actions = [action for _, action in await trail(world, webhook)]
    assert actions == ["webhook.create", "webhook.test", *["webhook.rotate", "webhook.test"] * 2]


async def test_changing_and_removing(world: World, tenant: str, receiver: Receiver) -> None:
    webhook = await hook(world, receiver, tenant=tenant, note=" for the till ")
    assert webhook["note"] == "for the till"
    path = f"{PATH}/{webhook['id']}"
    changed = await world.client.patch(path, json={"events": ["key.unusual"], "note": None, "disabled": True})
    assert changed.json() == {**webhook, "events": ["key.unusual"], "note": None, "disabled": True}
    assert (await world.client.patch(path, json={"note": None})).json() == changed.json()
    await world.client.patch(path, json={"events": EVENTS, "disabled": False})
    for number in range(19):
        asked = {"url": f"{receiver.url}/{number}", "events": ["key.unusual"], "tenant": tenant}
        assert (await world.client.post(PATH, json=asked)).status_code == 201
    full = await world.client.post(PATH, json=asked)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_webhooks")
    listed: list[str] = []
    cursor = None
    while True:
        query = {"tenant": tenant, "limit": 7} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get(PATH, params=query)).json()
        listed += [one["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(listed) == len(set(listed)) == 20
    assert listed[0] == webhook["id"]

    receiver.behave = lambda *_: 500
    await world.issue(tenant=tenant)
    gone = await world.client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method, call in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test"), ("POST", "/rotate")):
        assert (await world.client.request(method, path + call)).status_code == 404
    count = "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1"
    assert await world.connection.fetchval(count, webhook["id"]) == 0
    assert [action for _, action in await trail(world, webhook)] == [
        "webhook.create",
        *["webhook.update"] * 2,
        "webhook.delete",
    ]


async def test_pages_of_deliveries(world: World, tenant: str, receiver: Receiver) -> None:
    webhook = await hook(world, receiver, tenant=tenant)
    ids = [(await world.client.post(f"{PATH}/{webhook['id']}/test")).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get(f"{PATH}/{webhook['id']}/deliveries", params=query)).json()
        found += [one["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == ids[::-1]
    for bad in ("x", "WyJhIl0", "Wy0xXQ"):
        answer = await world.client.get(f"{PATH}/{webhook['id']}/deliveries", params={"cursor": bad})
        assert answer.status_code == 422


async def test_a_redirect_is_a_failure(world: World, tenant: str, receiver: Receiver, eventually: Eventually) -> None:
    def lead_away(handler: Any, _: dict[str, Any]) -> None:
        handler.send_response(307)
        handler.send_header("Location", receiver.url + "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.behave = lead_away
    webhook = await hook(world, receiver, tenant=tenant)
    await world.client.post(f"{PATH}/{webhook['id']}/test")

    async def tried() -> bool:
        (row,) = await made(world, webhook)
        return bool(row["last_error"] == "The answer was 307.")

    await eventually(tried)
    assert len(receiver.received) == 1
