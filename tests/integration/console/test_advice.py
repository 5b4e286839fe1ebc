"""Advice in the console: what is said of each kind, what follows it at the press of one button, and for whom."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.console import advised
from tests.integration.console.reading import Key, path_of, steps
from tests.integration.hub.world import World

Maker = Callable[..., Awaitable[Key]]
KINDS: dict[str, tuple[Maker, str, set[str]]] = {
    "old_secret": (advised.old_secret, "Its secret was made", {"rotate"}),
    "no_expiry": (advised.no_expiry, "It never expires.", {"expire"}),
    "unused": (advised.unused, "No request for more than 30 days", {"disable", "revoke"}),
    "unused_scopes": (advised.unused_scopes, "Not used for 30 days or longer", {"drop-scopes"}),
    "sudden_change": (advised.sudden_change, "617 → 12,345 requests a day", set()),
}
of_each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
async def owner(world: World) -> httpx.AsyncClient:
    return await world.browser("owner")


def _advice(tenant: str, *rest: str) -> str:
    return "/".join(("/console/t", tenant, "advice", *rest))


def _of(key: Key, remedy: str) -> str:
    return _advice(key["tenant"], key["id"], remedy)


def _offered(text: str, key: Key) -> set[str]:
    """The last words of all addresses that the main part of a page offers about a key."""
    found = re.findall(rf'(?:href|action)="[^"]*/{key["id"]}/([a-z-]+)"', text)
    return set(found)


def _said(text: str) -> str:
    """The page's text without its tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", text)))


async def _pieces(browser: httpx.AsyncClient, tenant: str, **query: str) -> str:
    answer = await browser.get(_advice(tenant), params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def _stored(world: World, key: Key) -> dict[str, Any]:
    answer = await world.client.get(f"/v1/keys/{key['id']}")
    found: dict[str, Any] = answer.json()
    return found


async def _press(browser: httpx.AsyncClient, key: Key, remedy: str, **form: Any) -> str:
    """Where a button leads."""
    answer = await browser.post(_of(key, remedy), data={"back": "", **form})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@of_each_kind
async def test_each_kind_is_said_with_its_remedies(world: World, owner: httpx.AsyncClient, kind: str) -> None:
    make, words, remedies = KINDS[kind]
    key = await make(world, name=f"Key & {kind}", tenant=await world.tenant())
    for query in ({}, {"kind": kind}):
        page = await _pieces(owner, key["tenant"], **query)
        assert words in _said(page)
        assert f"Key & {kind}" in _said(page)
        assert _offered(page, key) == remedies
        assert path_of(key) in page
    about_it = (await owner.get(path_of(key))).text
    assert words in _said(about_it)
    assert remedies <= _offered(about_it, key)
    other = next(name for name in KINDS if name not in {kind, "old_secret"})
    assert f"Key & {kind}" not in _said(await _pieces(owner, key["tenant"], kind=other))


@of_each_kind
async def test_a_viewer_is_told_and_offered_nothing(world: World, kind: str) -> None:
    make, words, _ = KINDS[kind]
    key = await make(world, tenant=await world.tenant())
    viewer = await world.browser("viewer", key["tenant"])
    page = await _pieces(viewer, key["tenant"])
    assert words in _said(page)
    assert _offered(page, key) == set()
    about_it = (await viewer.get(path_of(key))).text
    assert words in _said(about_it)
    assert not steps(about_it, key) & {"rotate", "revoke", "disable"}
    before = await world.stored()
    for remedy in ("expire", "disable", "drop-scopes"):
        assert (await viewer.post(_of(key, remedy), data={"scopes": "CRM"})).status_code == 403
    assert await world.stored() == before


async def test_the_list_has_badges_and_their_counts(world: World) -> None:
    tenant = await world.tenant()
    await advised.old_secret(world, tenant=tenant)
    await advised.no_expiry(world, tenant=tenant)
    await advised.no_expiry(world, tenant=tenant)
    viewer = await world.browser("viewer", tenant)
    page = (await viewer.get(f"/console/t/{tenant}/keys")).text
    badges = re.findall(r'<a class="badge badge-advice" href="([^"]*)"[^>]*>([^<]*)<', page)
    expected = [(f"{_advice(tenant)}?kind=no_expiry", "No expiry")] * 2
    assert badges == [*expected, (f"{_advice(tenant)}?kind=old_secret", "Old secret")]
    assert f'hx-get="{_advice(tenant, "summary")}"' in page
    line = (await viewer.get(_advice(tenant, "summary"))).text
    assert re.findall(r'href="([^"]*)">([^<]*)<', line) == [
        (_advice(tenant), "Advice"),
        (f"{_advice(tenant)}?kind=old_secret", "1 with an old secret"),
        (f"{_advice(tenant)}?kind=no_expiry", "2 without expiry"),
    ]
    assert "No expiry 2" in _said(await _pieces(viewer, tenant))


async def test_a_tenant_without_advice_is_told_what_is_looked_for(world: World, owner: httpx.AsyncClient) -> None:
    tenant = await world.tenant()
    page = _said(await _pieces(owner, tenant))
    assert "Nothing to do" in page
    assert "secrets older than 90 days" in page
    assert (await owner.get(_advice(tenant, "summary"))).text.strip() == ""
    await advised.no_expiry(world, tenant=tenant)
    assert "Nothing of this kind" in _said(await _pieces(owner, tenant, kind="unused"))


async def test_pages_follow_each_other(world: World, owner: httpx.AsyncClient) -> None:
    tenant = await world.tenant()
    keys = [(await world.issue(tenant=tenant))[0] for _ in range(51)]
    first = await _pieces(owner, tenant)
    link = re.search(r'href="([^"]*cursor=[^"]*)"[^>]*>Next page<', first)
    assert link is not None
    answer = await owner.get(html.unescape(link[1]))
    cursor = html.unescape(link[1]).partition("cursor=")[2]
    assert [key["id"] for key in keys if _offered(answer.text, key)] == [keys[-1]["id"]]
    assert "Next page" not in answer.text
    assert f'name="cursor" value="{cursor}"' in answer.text
    back = await _press(owner, keys[-1], "expire", cursor=cursor)
    page = await owner.get(back)
    assert "Nothing more" in _said(page.text)
    assert "expires in 90 days" in _said(page.text)


@pytest.mark.parametrize("query", ["kind=nonsense", "cursor=x", "colour=red", "kind=unused&kind=unused"])
async def test_what_no_advice_knows_is_refused(owner: httpx.AsyncClient, query: str) -> None:
    assert (await owner.get(f"{_advice('home')}?{query}")).status_code == 422


# Remedies


async def _trail(world: World, key: Key) -> list[dict[str, Any]]:
    answer = await world.client.get("/v1/audit", params={"target": key["id"], "tenant": key["tenant"]})
    return [item["detail"] for item in answer.json()["items"] if item["action"] == "key.update"]


async def test_a_key_expires_in_90_days(world: World, owner: httpx.AsyncClient) -> None:
    key = await advised.no_expiry(world, name="Forgettable")
    assert await _press(owner, key, "expire") == f"{_advice('home')}?done=expires&about={key['id']}"
    ends = datetime.fromisoformat((await _stored(world, key))["expires_at"])
    assert timedelta(days=89) < ends - datetime.now(UTC) < timedelta(days=91)
    (detail,) = await _trail(world, key)
    assert set(detail) == {"expires_at"}
    page = (await owner.get(f"{_advice('home')}?done=expires&about={key['id']}")).text
    assert "expires in 90 days now. Edit it to choose another day. Forgettable" in _said(page)
    assert _offered(page, key) == set()


async def test_an_unused_key_is_disabled(world: World, owner: httpx.AsyncClient) -> None:
    key = await advised.unused(world)
    back = await _press(owner, key, "disable", kind="unused")
    assert back == f"{_advice('home')}?kind=unused&done=disabled&about={key['id']}"
    assert (await _stored(world, key))["status"] == "disabled"
    assert len(await _trail(world, key)) == 1


async def test_unused_scopes_are_dropped_and_no_others(world: World, owner: httpx.AsyncClient) -> None:
    key = await advised.unused_scopes(world)
    page = await _pieces(owner, "home", kind="unused_scopes")
    assert re.findall(r'name="scopes" value="(\w+)"', page) == ["CRM", "Books"]
    back = await _press(owner, key, "drop-scopes", scopes=["CRM", "Books", "PSA", "Voice"], back="key")
    assert back == f"{path_of(key)}?done=dropped"
    assert (await _stored(world, key))["scopes"] == ["PSA"]
    assert "are dropped. Edit it to give them back." in _said((await owner.get(back)).text)


async def test_scopes_that_the_reader_was_not_told_of_are_kept(world: World, owner: httpx.AsyncClient) -> None:
    key = await advised.unused_scopes(world)
    await _press(owner, key, "drop-scopes", scopes=["CRM"])
    assert (await _stored(world, key))["scopes"] == ["PSA", "Books"]


async def test_the_last_scopes_are_not_dropped(world: World, owner: httpx.AsyncClient) -> None:
    """PSA, which the key used, was taken from it by hand: now all that it holds is unused."""
    key = await advised.unused_scopes(world)
    await world.client.patch(f"/v1/keys/{key['id']}", json={"scopes": ["CRM", "Books"]})
    assert "done=outdated" in await _press(owner, key, "drop-scopes", scopes=["CRM", "Books"])
    assert (await _stored(world, key))["scopes"] == ["CRM", "Books"]


async def _used(world: World, key: Key) -> None:
    await world.connection.execute("UPDATE usage_totals SET last_used_at = now() WHERE key_id = $1", key["id"])
    await advised.uses(world, key, "CRM")


async def _given_an_end(world: World, key: Key) -> None:
    await world.client.patch(f"/v1/keys/{key['id']}", json={"expires_at": advised.FAR})


async def _revoked(world: World, key: Key) -> None:
    await world.client.post(f"/v1/keys/{key['id']}/revoke")


async def _disabled(world: World, key: Key) -> None:
    await world.client.patch(f"/v1/keys/{key['id']}", json={"disabled": True})


async def _expired(world: World, key: Key) -> None:
    await world.connection.execute("UPDATE keys SET expires_at = now() WHERE id = $1", key["id"])


@pytest.mark.parametrize(
    ("kind", "remedy", "meanwhile"),
    [
        ("no_expiry", "expire", _given_an_end),
        ("unused", "disable", _used),
        ("unused_scopes", "drop-scopes", _used),
        *((kind, remedy, what) for kind, remedy in (("unused", "disable"), ("unused_scopes", "drop-scopes"))
          for what in (_revoked, _disabled, _expired)),
        ("no_expiry", "expire", _revoked),
        ("no_expiry", "expire", _disabled),
    ],
)  # fmt: skip
async def test_what_is_no_longer_so_is_not_remedied(
    world: World, owner: httpx.AsyncClient, kind: str, remedy: str, meanwhile: Callable[[World, Key], Awaitable[None]]
) -> None:
    key = await KINDS[kind][0](world)
    await meanwhile(world, key)
    before, counted = await _stored(world, key), await world.stored()
    for back in ("", "key"):
        page = await owner.get(await _press(owner, key, remedy, scopes=["CRM"], back=back))
        assert "This advice is not given any more, so nothing was changed." in _said(page.text)
    assert await _stored(world, key) == before
    assert await world.stored() == counted


async def test_a_button_leads_nowhere_else(owner: httpx.AsyncClient, world: World) -> None:
    key = await advised.no_expiry(world)
    form = {"kind": "https://evil.example/", "cursor": "&done=x#//evil.example", "back": "//evil.example"}
    location = await _press(owner, key, "expire", **form)
    assert location == f"{_advice('home')}?cursor=%26done%3Dx%23%2F%2Fevil.example&done=expires&about={key['id']}"


async def test_another_tenant_s_advice_is_as_absent(world: World) -> None:
    key = await advised.no_expiry(world, tenant=await world.tenant(), name="Secret project")
    stranger = await world.browser("owner", await world.tenant())
    own = stranger.headers["X-Test-Operator"]
    mine = await world.connection.fetchval("SELECT tenant FROM operators WHERE id = $1", own)
    before = await world.stored()
    for path in (_advice(key["tenant"]), _advice(key["tenant"], "summary")):
        assert (await stranger.get(path)).status_code == 404
    for tenant in (key["tenant"], mine):
        for remedy in ("expire", "disable", "drop-scopes"):
            answer = await stranger.post(_advice(tenant, key["id"], remedy), data={"scopes": "PSA"})
            assert answer.status_code == 404
    page = (await stranger.get(_advice(mine), params={"done": "expires", "about": key["id"]})).text
    assert "Secret project" not in page
    assert await world.stored() == before


async def test_the_home_tenant_s_pages_name_their_own_keys_only(world: World, owner: httpx.AsyncClient) -> None:
    """An operator of the home tenant reaches every key, but by the tenant that it is of."""
    key = await advised.no_expiry(world, tenant=await world.tenant(), name="Of a customer")
    assert (await owner.post(_advice("home", key["id"], "expire"), data={"back": ""})).status_code == 404
    page = (await owner.get(_advice("home"), params={"done": "expires", "about": key["id"]})).text
    assert "Of a customer" not in page
    assert (await _stored(world, key))["expires_at"] is None
