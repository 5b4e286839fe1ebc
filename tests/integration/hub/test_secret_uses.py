"""From a check to the API and the console: which of a key's two secrets was used last, and when."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tests.conftest import Eventually
from tests.integration.console.reading import Key, path_of
from tests.integration.hub.world import World


async def _usage(world: World, key: Key) -> dict[str, Any]:
    answer = await world.client.get(f"/v1/keys/{key['id']}/usage")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _rotate(world: World, key: Key) -> tuple[dict[str, Any], str]:
    answer = await world.client.post(f"/v1/keys/{key['id']}/rotate", params={"wait": "confirmed"})
    assert answer.status_code == 200, answer.text
    return answer.json()["key"], answer.json()["secret"]


async def _counted(world: World, key: Key, requests: int) -> bool:
    return bool((await _usage(world, key))["total_requests"] == requests)


async def test_the_last_use_of_each_secret(world: World, eventually: Eventually) -> None:
    key, old = await world.issue()
    assert (await _usage(world, key))["secrets"] == {"current": {"last_used_at": None}, "previous": None}
    await world.decide(old)
    await eventually(lambda: _counted(world, key, 1))
    found = await _usage(world, key)
    assert found["secrets"] == {"current": {"last_used_at": found["last_used_at"]}, "previous": None}

    row, new = await _rotate(world, key)
    ends = row["previous_secret_expires_at"]
    unused = {"current": {"last_used_at": None}, "previous": {"last_used_at": None, "expires_at": ends}}
    assert (await _usage(world, key))["secrets"] == unused
    assert await world.decide(old) == (200, "ok")
    await eventually(lambda: _counted(world, key, 2))
    found = await _usage(world, key)
    assert found["secrets"]["current"] == {"last_used_at": None}
    assert found["secrets"]["previous"] == {"last_used_at": found["last_used_at"], "expires_at": ends}
    assert found["last_used_at"] > row["rotated_at"]

    assert await world.decide(new) == (200, "ok")
    await eventually(lambda: _counted(world, key, 3))
    both = await _usage(world, key)
    assert both["secrets"]["previous"] == found["secrets"]["previous"]
    assert both["secrets"]["current"] == {"last_used_at": both["last_used_at"]}
    assert datetime.fromisoformat(both["last_used_at"]) >= datetime.fromisoformat(found["last_used_at"])
    await world.client.post(f"/v1/keys/{key['id']}/rotate/end")
    assert (await _usage(world, key))["secrets"] == {**both["secrets"], "previous": None}


async def test_the_page_tells_of_each_secret_and_keeps_it_current(world: World, eventually: Eventually) -> None:
    browser = await world.browser("viewer")
    key, _ = await world.issue()

    async def told(*rest: str) -> dict[str, str]:
        text = (await browser.get(path_of(key, *rest))).text
        parts = re.findall(r'<span id="(\w+)-secret" data-live-part>(.*?)</span>', text)
        return {name: re.sub(r"<[^>]+>", "", part) for name, part in parts}

    assert await told() == {}
    _, new = await _rotate(world, key)
    before = await told()
    assert before == await told("figures")
    assert re.fullmatch(r"Works\. Rotated .+\. Not used since the rotation\.", before["current"])
    assert re.fullmatch(r"Works until .+, in .+\. Not used since the rotation\.", before["previous"])
    await world.decide(new)
    await eventually(lambda: _counted(world, key, 1))
    after = await told("figures")
    assert re.fullmatch(r"Works\. Rotated .+\. Last used .+\.", after["current"])
    assert after["previous"].endswith("Not used since the rotation.")
    # A page that was opened before learns that the old one has ended, or that the key was disabled.
    await world.client.patch(f"/v1/keys/{key['id']}", json={"disabled": True})
    disabled = await told("figures")
    assert disabled["current"].startswith("Rotated ")
    assert disabled["previous"].startswith("Ends ")
    await world.client.post(f"/v1/keys/{key['id']}/rotate/end")
    assert (await told("figures"))["previous"] == "It has ended."
    assert await told() == {}
