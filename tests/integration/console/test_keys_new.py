"""New keys: the secret is shown once, and the same form makes one key."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.hub.world import World

LIST = "/console/t/home/keys"
NEW = f"{LIST}/new"


@pytest.fixture(scope="module")
async def owner(world: World) -> httpx.AsyncClient:
    return await world.browser("owner")


async def _opened(browser: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """The form as a browser would send it."""
    page = (await browser.get(NEW)).text
    found = re.search(r'name="form" value="([^"]*)"', page)
    assert found
    return {"form": found[1], "name": "A key", "scopes": ["PSA"], "expires": "never", "expires_on": "", **fields}


def _secret(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    found = re.search(r'id="secret"[^>]*><code>(tos_\w{28})</code>', answer.text)
    assert found
    return found[1]


async def _keys(world: World, name: str) -> list[dict[str, Any]]:
    answer = await world.client.get("/v1/keys", params={"q": name})
    return [key for key in answer.json()["items"] if key["name"] == name]


async def test_a_key_is_made_as_asked_and_works_at_once(world: World, owner: httpx.AsyncClient) -> None:
    form = await _opened(owner, name="  As asked ", scopes=["PSA", "CRM"], tier="Enterprise", note="a\r\nb")
    secret = _secret(await owner.post(NEW, data=form))
    assert await world.decide(secret) == (200, "ok")
    [key] = await _keys(world, "As asked")
    assert (key["scopes"], key["tier"], key["note"]) == (["PSA", "CRM"], "Enterprise", "a\nb")
    assert key["expires_at"] is None
    assert key["created_by"] == owner.headers["X-Test-Operator"]
    assert key["id"] != form["form"]
    assert re.fullmatch(r"key_0[0-9a-hjkmnp-tv-z]{9}[ef][0-9a-hjkmnp-tv-z]{15}", key["id"])


async def test_the_secret_is_in_one_answer_and_nowhere_else(
    world: World, owner: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    form = await _opened(owner, name="Once")
    answer = await owner.post(NEW, data=form)
    secret = _secret(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in str(answer.headers)
    [key] = await _keys(world, "Once")
    pages = [LIST, f"{LIST}?q=Once", NEW, f"{LIST}?q={key['id']}"]
    calls = ["/v1/keys", f"/v1/keys/{key['id']}", f"/v1/keys/{key['id']}/usage", "/v1/audit", "/v1/usage"]
    for later in [await owner.post(NEW, data=form), *[await owner.get(path) for path in pages + calls]]:
        assert later.status_code == 200, later.text
        assert secret not in later.text
        assert secret[8:28] not in later.text
    for table in await world.connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = await world.connection.fetch(f'SELECT t::text FROM "{table[0]}" t')
        assert not [row for row in rows if secret[8:28] in row[0]]
    assert secret[8:28] not in caplog.text


async def test_the_same_form_makes_one_key(world: World, owner: httpx.AsyncClient) -> None:
    form = await _opened(owner, name="Sent thrice")
    answers = await asyncio.gather(*(owner.post(NEW, data=form) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    [key] = await _keys(world, "Sent thrice")
    for answer in (*(answer for answer in answers if answer.status_code == 200), await owner.post(NEW, data=form)):
        assert "This key has been created" in answer.text
        assert f"{LIST}/{key['id']}" in answer.text
        assert not re.search(r"tos_\w{28}", answer.text)
    trail = (await world.client.get("/v1/audit", params={"target": key["id"]})).json()["items"]
    assert [entry["action"] for entry in trail] == ["key.create"]


async def test_a_form_of_somebody_else_s_is_another_form(world: World, owner: httpx.AsyncClient) -> None:
    form = await _opened(owner, name="Twice")
    _secret(await owner.post(NEW, data=form))
    _secret(await (await world.browser("admin")).post(NEW, data=form))
    assert len(await _keys(world, "Twice")) == 2


@pytest.mark.parametrize("form", ["", "x", "key_" + "z" * 26, "op_" + "0" * 26])
async def test_a_form_that_no_page_gave_is_refused(world: World, owner: httpx.AsyncClient, form: str) -> None:
    before = await world.stored()
    answer = await owner.post(NEW, data={"form": form, "name": "x", "scopes": "PSA"})
    assert answer.status_code == 404
    assert await world.stored() == before


async def test_no_access_must_be_meant(world: World, owner: httpx.AsyncClient) -> None:
    form = await _opened(owner, name="Locked", scopes=[], note="kept", tier="Enterprise", expires="30d")
    answer = await owner.post(NEW, data=form)
    assert answer.status_code == 422
    assert "Create it without access" in answer.text
    assert await _keys(world, "Locked") == []
    for kept in (form["form"], ">\nkept<", '<option value="Enterprise" selected>', 'value="30d" checked'):
        assert kept in answer.text
    secret = _secret(await owner.post(NEW, data={**form, "no_access": "yes"}))
    assert await world.decide(secret) == (403, "insufficient_scope")
    assert await world.decide(secret, None) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"scopes": ["PSA", "Nope"]}, "scopes"),
        ({"tier": "Nope"}, "tier"),
        ({"note": "x" * 1001}, "note"),
        ({"expires": "soon"}, "expires"),
        ({"expires": "keep"}, "expires"),
        ({"expires": "custom"}, "expires"),
        ({"expires": "custom", "expires_on": "2020-01-01"}, "expires"),
        ({"expires": "custom", "expires_on": "9999-12-31"}, "expires"),
        ({"expires": "custom", "expires_on": "31.12.2030"}, "expires"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    world: World, owner: httpx.AsyncClient, fields: dict[str, Any], field: str
) -> None:
    form = await _opened(owner, **{"name": "Wrong", **fields})
    before = await world.stored()
    answer = await owner.post(NEW, data=form)
    assert answer.status_code == 422, answer.text
    assert f'id="{field}-error"' in answer.text
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert form["form"] in answer.text
    assert await world.stored() == before


@pytest.mark.parametrize(
    "fields", [{"tenant": "other"}, {"created_by": "x"}, {"name": ["a", "b"]}, {"id": "key_" + "0" * 26}]
)
async def test_what_the_form_has_not_is_refused(world: World, owner: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    form = await _opened(owner)
    before = await world.stored()
    assert (await owner.post(NEW, data={**form, **fields})).status_code == 422
    assert await world.stored() == before


@pytest.mark.parametrize(("preset", "days"), [("30d", 30), ("90d", 90), ("1y", 365)])
async def test_a_life_in_days(world: World, owner: httpx.AsyncClient, preset: str, days: int) -> None:
    _secret(await owner.post(NEW, data=await _opened(owner, name=f"Life {preset}", expires=preset)))
    [key] = await _keys(world, f"Life {preset}")
    left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=days, minutes=-5) < left <= timedelta(days=days)


async def test_the_last_day_is_a_day_of_life(world: World, owner: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date().isoformat()
    form = await _opened(owner, name="Last day", expires="custom", expires_on=today)
    assert await world.decide(_secret(await owner.post(NEW, data=form))) == (200, "ok")
    [key] = await _keys(world, "Last day")
    midnight = datetime.fromisoformat(today).replace(tzinfo=UTC) + timedelta(days=1)
    assert datetime.fromisoformat(key["expires_at"]) == midnight


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "http://hub"),
        ({"Host": "keys.example.com:8443"}, "http://keys.example.com:8443"),
        ({"Host": "a_b"}, "http://127.0.0.1:8080"),
        ({"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}, "http://hub"),
    ],
)
async def test_snippets_name_this_address_and_not_the_secret(
    owner: httpx.AsyncClient, headers: dict[str, str], address: str
) -> None:
    answer = await owner.post(NEW, data=await _opened(owner, name="Snippets"), headers=headers)
    secret = _secret(answer)
    snippets = {
        name: html.unescape(text)
        for name, text in re.findall(r'id="snippet-(\w+)"[^>]*><code>(.*?)</code>', answer.text, re.DOTALL)
    }
    assert snippets["env"] == f"TOS_API_KEY={secret}\n"
    assert answer.text.count(secret) == 2
    assert answer.text.count("data-once") == 2
    for name in ("curl", "python", "nginx"):
        assert f"{address}/v1/authz?scope=PSA" in snippets[name]
    compile(snippets["python"], "snippet", "exec")


async def test_a_sample_product_is_asked_where_there_is_one(demo: World) -> None:
    owner = await demo.browser("owner")
    answer = await owner.post(NEW, data=await _opened(owner, name="Sample", scopes=["CRM"]))
    assert "http://hub/api/deals" in answer.text
    secret = _secret(answer)
    product = await demo.client_of(secret).get("/api/deals")
    assert product.status_code == 200


async def test_each_form_has_an_id_of_its_own(owner: httpx.AsyncClient) -> None:
    assert len({(await _opened(owner))["form"] for _ in range(3)}) == 3
