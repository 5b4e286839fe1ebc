"""Revoking in the console: what is asked first, and that the end is the end everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from keystile.store import receipts
from keystile.store.receipts import Position, Registration
from tests.conftest import Eventually
from tests.integration.console.reading import Key, path_of
from tests.integration.hub.world import World

WORD = "To go on, type"
PART = {"HX-Request": "true"}


@pytest.fixture
async def other(world: World) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """Registers a gate that has all there is by now, and then says nothing more; it is forgotten after the test."""

    async def register(stale_policy: Any) -> None:
        gate = Registration(
            id=b"another machine!", machine="far <b>", version="0", stale_after_ms=500, stale_policy=stale_policy
        )
        await receipts.register(world.connection, gate)
        now = await receipts.report(world.connection, gate.id, Position(), 500)
        await receipts.report(world.connection, gate.id, Position(now.epoch, now.timeline, now.head, now.stamp), 500)

    yield register
    await world.connection.execute("DELETE FROM receipts WHERE machine = 'far <b>'")


async def _used(world: World, eventually: Eventually, **fields: Any) -> Key:
    """A key that was used just now, and counted."""
    key, secret = await world.issue(**fields)
    await world.decide(secret)

    async def counted() -> bool:
        usage = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
        return bool(usage["total_requests"] == 1)

    await eventually(counted)
    return key


async def _status(world: World, key: Key) -> str:
    return str((await world.client.get(f"/v1/keys/{key['id']}")).json()["status"])


async def test_a_key_that_nobody_uses_is_revoked_at_a_plain_yes(world: World) -> None:
    browser = await world.browser()
    key, secret = await world.issue()
    asked = (await browser.get(path_of(key, "revoke"))).text
    assert "was not used in the last 24 hours" in asked
    assert WORD not in asked
    answer = await browser.post(path_of(key, "revoke"), data={"reason": "Not needed."})
    assert (answer.status_code, answer.headers["location"]) == (303, path_of(key))
    assert await world.decide(secret) == (401, "revoked_key")
    text = (await browser.get(path_of(key))).text
    assert "Not needed." in text
    assert "Revoking…" in text
    part = await browser.get(path_of(key, "confirmation"), headers=PART)
    assert "Refused at every gate" in part.text
    assert "1 gate asked" in part.text
    assert "<html" not in part.text
    whole = await browser.get(path_of(key, "confirmation"))
    assert "<html" in whole.text
    assert "Refused at every gate" in whole.text


async def test_a_key_in_use_wants_its_name(world: World, eventually: Eventually) -> None:
    browser = await world.browser()
    key = await _used(world, eventually, name="In  use \u202e now")
    asked = (await browser.get(path_of(key, "revoke"))).text
    assert "<strong>1 request</strong> in the last 24 hours" in asked
    assert WORD in asked
    for typed in ({"reason": ""}, {"confirmation": ""}, {"confirmation": "in use now", "reason": "my reason"}):
        answer = await browser.post(path_of(key, "revoke"), data=typed)
        assert answer.status_code == 422
        assert 'id="confirmation-error"' in answer.text
    assert 'value="my reason"' in answer.text
    assert await _status(world, key) == "active"
    # As the page shows it: what hides cannot be typed.
    answer = await browser.post(path_of(key, "revoke"), data={"confirmation": "In use \\u202e now "})
    assert answer.status_code == 303
    assert await _status(world, key) == "revoked"


async def test_a_key_that_came_into_use_meanwhile_wants_its_name_too(world: World, eventually: Eventually) -> None:
    browser = await world.browser()
    key = await _used(world, eventually)
    assert (await browser.post(path_of(key, "revoke"), data={"reason": ""})).status_code == 422
    assert (await browser.post(path_of(key, "revoke"), data={"confirmation": key["name"]})).status_code == 303


async def test_a_reason_is_bounded(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    answer = await browser.post(path_of(key, "revoke"), data={"reason": "x" * 501})
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert await _status(world, key) == "active"


async def test_gates_that_were_waited_out_are_named(world: World, other: Callable[[str], Awaitable[None]]) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    await other("deny")
    await browser.post(path_of(key, "revoke"), data={"reason": ""})
    text = (await browser.get(path_of(key, "confirmation"), headers=PART)).text
    assert "Refused at every gate" in text
    assert "<bdi>far &lt;b&gt;</bdi>" in text


async def test_gates_that_go_on_without_hearing_are_an_alarm(
    world: World, other: Callable[[str], Awaitable[None]]
) -> None:
    tenant = await world.tenant()
    browser = await world.browser("admin", tenant)
    key, _ = await world.issue(tenant=tenant)
    await other("allow")
    await browser.post(path_of(key, "revoke"), data={"reason": ""})
    text = (await browser.get(path_of(key, "confirmation"), headers=PART)).text
    assert "not refused everywhere" in text
    assert "Refused at every gate" not in text
    assert f"<bdi>gate {b'another '[:4].hex()}</bdi>" in text  # machines concern the home tenant alone


async def test_there_is_nothing_to_confirm_of_a_key_that_lives(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    assert (await browser.get(path_of(key, "confirmation"), headers=PART)).status_code == 404
