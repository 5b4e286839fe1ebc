"""Webhooks, to a real receiver: what is told, when, in which order, and what happens when nobody listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from receiver import Receiver
from world import World, open_world

from keystile.store.embedded import EmbeddedPostgres

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


async def hook(world: World, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    """A webhook that sends to the receiver."""
    asked = {"url": receiver.url, "events": EVENTS, **fields}
    answer = await world.client.post(PATH, json=asked)
    assert answer.status_code == 201, answer.text
    receiver.secrets.append(answer.json()["secret"])
    return answer.json()["webhook"]


async def test_what_becomes_of_a_key_is_told_in_order(world: World, receiver: Receiver, eventually: Eventually) -> None:
    tenant = await world.tenant()
    await hook(world, receiver, tenant=tenant)
    key, _ = await world.issue(tenant=tenant, name='A "key" \u202e <b>', expires_at="2099-01-01T00:00:00Z")
    await world.client.post(f"/v1/keys/{key['id']}/rotate", json={"overlap_seconds": 60})
    await world.client.post(f"/v1/keys/{key['id']}/revoke", json={"reason": "Lost."})
    await eventually(lambda: len(receiver.received) >= 3)
    assert [one.what for one in receiver.received] == [(event, key["id"]) for event in EVENTS]
    assert len({one.id for one in receiver.received}) == 3
