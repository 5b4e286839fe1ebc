"""Rotating in the console: one secret, shown once, and the old one ended when its owner says so."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.integration.console.reading import Key, asked, every, path_of
from tests.integration.hub.world import World

ACTIONS = "SELECT action FROM audit WHERE target = $1 ORDER BY id"


async def _rotate(browser: httpx.AsyncClient, key: Key, overlap: str = "86400") -> tuple[str, dict[str, str]]:
    """The answer's text, and the form that was sent."""
    form = {**await asked(browser, key, "rotate"), "overlap": overlap}
    answer = await browser.post(path_of(key, "rotate"), data=form)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.text, form


def _secret(text: str) -> str:
    (secret,) = re.findall(r'<pre id="secret"[^>]*><code>(tos_\w{28})</code>', text)
    return str(secret)


async def test_the_secret_is_in_one_answer_and_works(world: World) -> None:
    browser = await world.browser()
    key, old = await world.issue()
    text, form = await _rotate(browser, key)
    secret = _secret(text)
    assert text.count(secret) == 1
    assert await world.decide(secret) == (200, "ok")
    assert await world.decide(old) == (200, "ok")
    again = await browser.post(path_of(key, "rotate"), data=form)
    assert (again.status_code, again.headers["location"]) == (303, path_of(key) + "?done=rotated")
    assert "was rotated then" in (await browser.get(again.headers["location"])).text
    assert await world.decide(secret) == (200, "ok")
    assert (await world.connection.fetch(ACTIONS, key["id"]))[-1]["action"] == "key.rotate"
    for path in (path for method, path, _ in every(key) if method == "GET"):
        assert secret not in (await browser.get(path)).text
    trail = await world.client.get("/v1/audit", params={"target": key["id"]})
    assert secret not in trail.text


async def test_both_secrets_are_told_until_the_old_one_is_ended(world: World) -> None:
    browser = await world.browser()
    key, old = await world.issue()
    secret = _secret((await _rotate(browser, key, "604800"))[0])
    text = (await browser.get(path_of(key))).text
    assert f"<code>{secret[:8]}…{secret[-4:]}</code>" in text
    assert "Works until" in text
    assert (await browser.get(path_of(key, "rotate", "end"))).status_code == 200
    ended = await browser.post(path_of(key, "rotate", "end"))
    assert ended.headers["location"] == path_of(key) + "?done=ended"
    assert await world.decide(old) == (401, "unknown_key")
    assert await world.decide(secret) == (200, "ok")
    text = (await browser.get(ended.headers["location"])).text
    assert "Works until" not in text
    assert "The old secret has ended." in text
    assert (await browser.get(path_of(key, "rotate", "end"))).headers["location"] == path_of(key)


async def test_at_once_leaves_one_secret(world: World) -> None:
    browser = await world.browser()
    key, old = await world.issue()
    text, _ = await _rotate(browser, key, "0")
    assert "It has ended." in text
    assert await world.decide(old) == (401, "unknown_key")
    assert "Works until" not in (await browser.get(path_of(key))).text


@pytest.mark.parametrize("form", [{"overlap": "0"}, {"overlap": "5"}, {"overlap": "86401", "state": "x"}])
async def test_a_form_that_no_page_makes_rotates_nothing(world: World, form: dict[str, str]) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    before = await world.stored()
    assert (await browser.post(path_of(key, "rotate"), data=form)).status_code == 422
    answer = await browser.post(path_of(key, "rotate"), data={"overlap": "0", "state": "of another secret"})
    assert answer.status_code == 303
    assert await world.stored() == before


async def test_the_call_ends_the_old_secret_once(world: World) -> None:
    key, old = await world.issue()
    path = f"/v1/keys/{key['id']}/rotate/end"
    before = await world.stored()
    assert (await world.client.post(path)).json() == key
    assert await world.stored() == before
    await world.client.post(f"/v1/keys/{key['id']}/rotate")
    ended = (await world.client.post(path, params={"wait": "confirmed"})).json()
    assert ended["previous_secret_expires_at"] is None
    assert ended["rotated_at"] is not None
    assert ended["confirmation"]["confirmed"]
    assert await world.decide(old) == (401, "unknown_key")
    again = (await world.client.post(path)).json()
    assert again == {field: value for field, value in ended.items() if field != "confirmation"}
    rows = [row["action"] for row in await world.connection.fetch(ACTIONS, key["id"])]
    assert rows == ["key.create", "key.rotate", "key.end_overlap"]
    await world.client.post(f"/v1/keys/{key['id']}/revoke")
    assert (await world.client.post(path)).json()["code"] == "key_revoked"
