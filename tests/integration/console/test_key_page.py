"""A key's page: what it shows, to whom, and which steps it offers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from keystile.store.partitions import make_room
from tests.conftest import Eventually
from tests.integration.console.reading import Key, every, path_of, steps
from tests.integration.hub.world import World

CHANGES = {"rotate", "edit", "revoke", "disable"}
HOSTILE = "<img src=x onerror=alert(1)>"


async def _page(browser: httpx.AsyncClient, key: Key) -> str:
    answer = await browser.get(path_of(key))
    assert answer.status_code == 200, answer.text
    return answer.text


async def _parts(browser: httpx.AsyncClient, key: Key) -> dict[str, str]:
    """The tiles of the live part, by id."""
    answer = await browser.get(path_of(key, "figures"))
    tiles = re.findall(r'<div class="stat" id="([\w-]+)" data-live-part><dt>.*?</dt><dd>(.*?)</dd>', answer.text)
    return dict(tiles)


async def test_facts_are_told_with_names_grants_and_numbers(world: World) -> None:
    browser = await world.browser()
    email = (await world.client.get(f"/v1/operators/{browser.headers['X-Test-Operator']}")).json()["email"]
    made = await browser.post("/v1/keys", json={"name": "facts", "scopes": ["Books"], "note": "for\nBooks"})
    text = await _page(browser, made.json()["key"])
    for shown in (f"<bdi>{email}</bdi>", "chart of accounts", "60 requests per minute, burst limit 100", "for\nBooks"):
        assert shown in text
    operator_key = (await world.client.get("/v1/keys")).json()["items"][-1]
    key, _ = await world.issue(name="by a key")
    assert f"<bdi>{operator_key['name']}</bdi>" in await _page(browser, key)


async def test_figures_are_those_of_the_gate_and_come_alone_too(world: World, eventually: Eventually) -> None:
    browser = await world.browser("viewer")
    key, secret = await world.issue()
    assert (await _parts(browser, key))["total-requests"] == "0"
    for scope in ("PSA", "PSA", "PSA", "CRM"):
        await world.decide(secret, scope)

    async def counted() -> bool:
        return (await _parts(browser, key))["total-requests"] == "4"

    await eventually(counted)
    assert (await _parts(browser, key))["error-rate"] == "25%"
    text = await _page(browser, key)
    alone = (await browser.get(path_of(key, "figures"))).text
    parts = re.findall(r'id="([\w-]+)" data-live-part', alone)
    assert len(parts) == len(set(parts)) == 10
    assert re.findall(r'id="([\w-]+)" data-live-part', text) == parts
    assert "<html" not in alone


async def test_rate_limited_requests_are_told_apart_by_day(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    today = datetime.now(UTC).date()
    await make_room(world.connection, [today])
    await world.connection.execute(
        "INSERT INTO usage_daily (key_id, date, requests, client_errors, server_errors, rate_limited)"
        " VALUES ($1, $2, 10, 7, 1, 3)",
        key["id"],
        today,
    )
    text = (await browser.get(path_of(key, "figures"))).text
    assert "2 OK, 4 Client errors, 3 Rate limited, 1 Server errors" in text
    report = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
    assert report["daily"][-1]["rate_limited"] == 3


async def test_names_are_text(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue(name=HOSTILE, note="</dd><script>alert(1)</script>")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"name": "a\u202eb" + HOSTILE})
    for rest in ([], ["edit"], ["revoke"], ["rotate"]):
        text = (await browser.get(path_of(key, *rest))).text
        assert "<img" not in text
        assert "<script>" not in text
        assert "a\u202eb" not in re.sub(r'value="[^"]*"', "", text)


async def test_a_viewer_sees_all_and_is_offered_nothing(world: World) -> None:
    viewer = await world.browser("viewer")
    key, _ = await world.issue()
    await world.client.post(f"/v1/keys/{key['id']}/rotate")
    text = await _page(viewer, key)
    assert "Old secret" in text
    assert not steps(text, key)
    before = await world.stored()
    for method, path, form in every(key):
        answer = await viewer.request(method, path, data=form)
        reads = method == "GET" and path.endswith((key["id"], "/figures"))
        assert answer.status_code == (200 if reads else 404 if path.endswith("/confirmation") else 403), path
    assert await world.stored() == before


async def test_a_key_of_another_tenant_is_as_one_that_is_not_there(world: World) -> None:
    tenant = await world.tenant()
    stranger, owner = await world.browser("owner", tenant), await world.browser()
    theirs, _ = await world.issue(tenant=tenant)
    ours, _ = await world.issue()
    before = await world.stored()
    tries = [
        (stranger, ours),
        (stranger, {**ours, "tenant": tenant}),
        (owner, {**theirs, "tenant": "home"}),
        (owner, {**ours, "id": "key_01jdxz5k6mfq8r9s0tvwxyz012"}),
        (owner, {**ours, "id": "no-id"}),
        (owner, {**ours, "tenant": "absent"}),
    ]
    for browser, key in tries:
        for method, path, form in every(key):
            assert (await browser.request(method, path, data=form)).status_code == 404, path
    assert await world.stored() == before
    assert (await owner.get(path_of(theirs))).status_code == 200


async def test_a_revoked_key_is_offered_nothing(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    await world.client.post(f"/v1/keys/{key['id']}/revoke", json={"reason": "Left <b>in</b> a log."})
    text = await _page(browser, key)
    assert steps(text, key) <= {"confirmation"}
    assert "Left &lt;b&gt;in&lt;/b&gt; a log." in text
    before = await world.stored()
    for rest in ("edit", "rotate", "rotate/end"):
        assert (await browser.get(path_of(key, rest))).status_code == 409
    for method, path, form in every(key):
        if method == "POST" and not path.endswith("/revoke"):
            assert (await browser.post(path, data=form)).status_code in {303, 409}, path
    assert (await browser.get(path_of(key, "revoke"))).headers["location"] == path_of(key)
    assert (await browser.post(path_of(key, "revoke"), data={"reason": ""})).headers["location"] == path_of(key)
    assert await world.stored() == before


async def test_disabling_and_enabling(world: World) -> None:
    browser = await world.browser()
    key, secret = await world.issue()
    assert steps(await _page(browser, key), key) == CHANGES
    answer = await browser.post(path_of(key, "disable"))
    assert answer.headers["location"] == path_of(key) + "?done=disabled"
    assert await world.decide(secret) == (401, "disabled_key")
    text = (await browser.get(answer.headers["location"])).text
    assert "The API key is disabled" in text
    assert steps(text, key) == {"edit", "revoke", "enable"}
    assert (await browser.get(path_of(key, "rotate"))).status_code == 409
    await browser.post(path_of(key, "enable"))
    assert await world.decide(secret) == (200, "ok")
    trail = await _page(browser, key)
    changes = re.findall(r"<dt>disabled</dt><dd><del><bdi>(\w+)</bdi>", trail)
    assert changes == ["yes", "no"]


async def test_an_expired_key_can_live_again_or_be_revoked(world: World) -> None:
    browser = await world.browser()
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    key, _ = await world.issue(expires_at=soon.isoformat())
    await world.connection.execute("SELECT pg_sleep_until($1)", soon)
    text = await _page(browser, key)
    assert "Expired" in text
    assert steps(text, key) == {"edit", "revoke"}
    assert (await browser.get(path_of(key, "rotate"))).status_code == 409


async def test_the_trail_shows_the_latest_twenty_and_leads_to_the_rest(world: World) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    for number in range(19):
        await world.client.patch(f"/v1/keys/{key['id']}", json={"note": f"note {number}"})
    text = await _page(browser, key)
    assert ">Key created<" in text
    assert "audit?target=" not in text
    await world.client.patch(f"/v1/keys/{key['id']}", json={"scopes": ["PSA", "CRM"], "expires_at": None})
    text = await _page(browser, key)
    assert "<ins><bdi>PSA, CRM</bdi></ins>" in text
    assert ">Key created<" not in text
    assert f'href="/console/t/home/audit?target={key["id"]}"' in text


@pytest.mark.parametrize("word", ["", "nothing", "<b>"])
async def test_only_words_that_there_are_are_messages(world: World, word: str) -> None:
    browser = await world.browser()
    key, _ = await world.issue()
    text = (await browser.get(path_of(key), params={"done": word})).text
    assert 'role="status">\n    </div>' in text
