"""Changing a key in the console."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.console.reading import Key, asked, path_of
from tests.integration.hub.world import World


async def _form(browser: httpx.AsyncClient, key: Key, **fields: Any) -> dict[str, Any]:
    """The form as the page has it, with some fields filled in otherwise."""
    kept = {"name": key["name"], "tier": key["tier"], "scopes": key["scopes"], "expires": "keep", "expires_on": ""}
    return {**kept, "note": key["note"] or "", **await asked(browser, key, "edit"), **fields}


async def _shown(world: World, key: Key) -> Key:
    found: Key = (await world.client.get(f"/v1/keys/{key['id']}")).json()
    return found


async def test_all_that_can_be_edited_is_saved(world: World) -> None:
    browser = await world.browser()
    key, secret = await world.issue()
    form = await _form(
        browser,
        key,
        name=" Renamed ",
        scopes=["CRM", "Books"],
        tier="Enterprise",
        expires="custom",
        expires_on="2099-12-30",
        note="two\r\nlines",
    )
    answer = await browser.post(path_of(key, "edit"), data=form)
    assert answer.headers["location"] == path_of(key) + "?done=saved"
    after = await _shown(world, key)
    assert (after["name"], after["scopes"], after["tier"]) == ("Renamed", ["CRM", "Books"], "Enterprise")
    assert (after["expires_at"], after["note"]) == ("2099-12-31T00:00:00Z", "two\nlines")
    assert await world.decide(secret, "Books") == (200, "ok")
    assert await world.decide(secret, "PSA") == (403, "insufficient_scope")
    form = await _form(browser, after, expires="never", note=" ", scopes=[])
    await browser.post(path_of(key, "edit"), data=form)
    after = await _shown(world, key)
    assert (after["expires_at"], after["note"], after["scopes"]) == (None, None, [])
    form = await _form(browser, after, expires="30d")
    await browser.post(path_of(key, "edit"), data=form)
    left = datetime.fromisoformat((await _shown(world, key))["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


async def test_what_is_the_same_changes_nothing(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue(scopes=["PSA", "CRM"], note="a note", expires_at="2099-01-01T12:00:00Z")
    before = await world.stored()
    answer = await browser.post(path_of(key, "edit"), data=await _form(browser, key, scopes=["CRM", "PSA"]))
    assert answer.headers["location"] == path_of(key) + "?done=same"
    assert await world.stored() == before


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, "name-error"),
        ({"name": "x" * 101}, "name-error"),
        ({"scopes": ["PSA", "Nope"]}, "scopes-error"),
        ({"scopes": ["PSA", "PSA"]}, "scopes-error"),
        ({"tier": "Nope"}, "tier-error"),
        ({"expires": "custom", "expires_on": ""}, "expires-error"),
        ({"expires": "custom", "expires_on": "9999-12-31"}, "expires-error"),
        ({"expires": "custom", "expires_on": "2001-01-01"}, "expires-error"),
        ({"expires": "soon"}, "expires-error"),
        ({"note": "x" * 1001}, "note-error"),
    ],
)
async def test_a_wrong_form_comes_back_as_it_was_filled_in(world: World, fields: dict[str, Any], wrong: str) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    before = await world.stored()
    form = await _form(browser, key, **{"name": "Half done", "note": "my <b>note</b>", **fields})
    answer = await browser.post(path_of(key, "edit"), data=form)
    assert answer.status_code == 422, answer.text
    assert f'id="{wrong}"' in answer.text
    if "name" not in fields:
        assert 'value="Half done"' in answer.text
    if "note" not in fields:
        assert "my &lt;b&gt;note&lt;/b&gt;" in answer.text
    assert await world.stored() == before


async def test_somebody_elses_change_is_shown_and_not_overridden_unasked(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    form = await _form(browser, key, name="Mine")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"name": "Theirs <b>", "disabled": True})
    answer = await browser.post(path_of(key, "edit"), data=form)
    assert answer.status_code == 409
    assert "Name: <bdi>Theirs &lt;b&gt;</bdi>" in answer.text
    assert "Note:" not in answer.text
    assert 'value="Mine"' in answer.text
    assert (await _shown(world, key))["name"] == "Theirs <b>"
    again = {**form, "state": answer.text.partition('name="state" value="')[2].partition('"')[0]}
    assert (await browser.post(path_of(key, "edit"), data=again)).status_code == 303
    after = await _shown(world, key)
    assert (after["name"], after["disabled"]) == ("Mine", True)
