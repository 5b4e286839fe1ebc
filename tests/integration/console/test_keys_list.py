"""The list of keys: what it shows to whom, and figures that refresh."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from keystile.store import usage
from keystile.store.records import UsageRow
from tests.integration.hub.world import World

LIST = "/console/t/home/keys"
HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "a\u202efdp.exe", '=HYPERLINK("x")')


@pytest.fixture(scope="module")
async def owner(world: World) -> httpx.AsyncClient:
    return await world.browser("owner")


async def _names(browser: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await browser.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    return [name for name in _shown(answer.text) if name != "Operator"]  # the first key, which holds every scope


def _shown(text: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'class="cell-title"[^>]*><bdi>(.*?)</bdi>', text)]


def _link(text: str, words: str) -> str:
    found = re.search(rf'href="([^"]*)"[^>]*>{re.escape(words)}<', text)
    assert found, words
    return html.unescape(found[1])


def _versions(text: str) -> list[str]:
    return re.findall(r'name="shown" value="([^"]*)"', text)


async def test_search_filters_and_orders(world: World, owner: httpx.AsyncClient) -> None:
    first, _ = await world.issue(name="Billing sync", scopes=["CRM"], tier="Enterprise")
    second, _ = await world.issue(name="backup watch", scopes=["CRM", "Books"])
    await world.client.post(f"/v1/keys/{second['id']}/revoke")
    assert await _names(owner, scope="CRM") == ["backup watch", "Billing sync"]
    assert await _names(owner, scope="CRM", sort="-name") == ["Billing sync", "backup watch"]
    assert await _names(owner, q="billing") == ["Billing sync"]
    assert await _names(owner, q=f" {first['id']} ") == ["Billing sync"]
    assert await _names(owner, q=second["last4"], scope="Books") == ["backup watch"]
    assert await _names(owner, scope="CRM", status="revoked") == ["backup watch"]
    assert await _names(owner, scope="CRM", tier="Enterprise") == ["Billing sync"]


async def test_a_head_sorts_one_way_and_then_the_other_and_keeps_the_filters(owner: httpx.AsyncClient) -> None:
    page = (await owner.get(LIST, params={"q": "e", "status": "active"})).text
    down = _link(page, "Last used")
    assert parse_qs(urlsplit(down).query) == {"q": ["e"], "status": ["active"], "sort": ["-last_used_at"]}
    page = (await owner.get(down)).text
    assert 'aria-sort="descending"' in page
    assert parse_qs(urlsplit(_link(page, "Last used")).query)["sort"] == ["last_used_at"]


async def test_pages_follow_each_other_to_the_end(world: World, owner: httpx.AsyncClient) -> None:
    for number in range(51):
        await world.issue(name=f"many {number}")
    page = (await owner.get(LIST, params={"q": "many"})).text
    first = _shown(page)
    assert "50 keys on this page" in page
    assert "First page" not in page
    page = (await owner.get(_link(page, "Next page"))).text
    assert len(first) == 50
    assert set(first + _shown(page)) == {f"many {number}" for number in range(51)}
    assert "Next page" not in page
    assert _shown((await owner.get(_link(page, "First page"))).text) == first


@pytest.mark.parametrize(
    "query",
    ["status=gone", "sort=digest", "sort=--name", "scope=Nope", "tier=Nope", "cursor=x", "limit=3", "q=a&q=b", "q=%00"],
)
async def test_what_no_list_knows_is_refused(owner: httpx.AsyncClient, query: str) -> None:
    assert (await owner.get(f"{LIST}?{query}")).status_code in {400, 422}


@pytest.mark.parametrize("role", ["owner", "admin", "viewer"])
async def test_an_empty_tenant_teaches_and_nothing_found_offers_all(world: World, role: str) -> None:
    tenant = await world.tenant()
    browser = await world.browser(role, tenant)
    page = (await browser.get(f"/console/t/{tenant}/keys")).text
    assert "No API Keys yet" in page
    assert (f"/console/t/{tenant}/keys/new" in page) == (role != "viewer")
    page = (await browser.get(f"/console/t/{tenant}/keys", params={"q": "x"})).text
    assert "Nothing found" in page
    assert "No API Keys yet" not in page


async def test_hostile_names_are_text(world: World, owner: httpx.AsyncClient) -> None:
    keys = [(await world.issue(name=name, scopes=["Portal"], note=name))[0] for name in HOSTILE]
    page = (await owner.get(LIST, params={"scope": "Portal"})).text
    for raw in ("<img src=x", "<script>alert", "\u202e"):
        assert raw not in page
    assert html.escape(HOSTILE[0], quote=False) in page
    assert '<span class="escape">\\u202e</span>' in page
    table = (await world.client.get("/v1/usage", headers={"Accept": "text/csv"})).text
    assert "'=HYPERLINK" in table
    for key in keys:
        await world.client.post(f"/v1/keys/{key['id']}/revoke")


async def test_every_page_needs_a_session_and_one_s_own_tenant(world: World) -> None:
    foreign = await world.tenant()
    for browser, status in ((world.visitor(), 303), (await world.browser("owner", await world.tenant()), 404)):
        before = await world.stored()
        for path in ("", "/new"):
            assert (await browser.get(f"/console/t/{foreign}/keys{path}")).status_code == status
        form = {"name": "x", "scopes": "PSA", "form": "key_" + "0" * 26}
        assert (await browser.post(f"/console/t/{foreign}/keys/new", data=form)).status_code == status
        assert (await browser.post(f"/console/t/{foreign}/keys/figures", data={"shown": "x:1"})).status_code == status
        assert await world.stored() == before


async def test_a_viewer_sees_everything_and_changes_nothing(world: World) -> None:
    await world.issue(name="seen by all")
    viewer = await world.browser("viewer")
    page = (await viewer.get(LIST)).text
    assert "seen by all" in page
    assert "New API Key" not in page
    before = await world.stored()
    assert (await viewer.get(f"{LIST}/new")).status_code == 403
    form = {"name": "x", "scopes": "PSA", "form": "key_" + "0" * 26}
    assert (await viewer.post(f"{LIST}/new", data=form)).status_code == 403
    assert await world.stored() == before


async def test_figures_come_only_when_they_changed(world: World, owner: httpx.AsyncClient) -> None:
    key, _ = await world.issue(name="figures, busy")
    other, _ = await world.issue(name="figures, quiet")
    shown = _versions((await owner.get(LIST, params={"q": "figures"})).text)
    assert {entry.partition(":")[0] for entry in shown} == {key["id"], other["id"]}
    assert (await _refresh(owner, shown)).strip() == ""
    row = UsageRow(key_id=key["id"], requests=4321, client_errors=432, last_used_at=await _now(world))
    await usage.flush(world.connection, b"g" * 16, "here", [row])
    fresh = await _refresh(owner, shown)
    assert "4,321" in fresh
    assert "10%" in fresh
    assert other["id"] not in fresh
    assert (await _refresh(owner, [*_versions(fresh), *shown[:1]])).count("version-") <= 1
    await world.client.patch(f"/v1/keys/{other['id']}", json={"disabled": True})
    assert "Disabled" in await _refresh(owner, shown)


async def test_figures_of_foreign_and_absent_keys_are_not_given(world: World, owner: httpx.AsyncClient) -> None:
    tenant = await world.tenant()
    foreign, _ = await world.issue(name="foreign", tenant=tenant)
    assert (await _refresh(owner, [f"{foreign['id']}:0", "key_x:0", ":", "", "\x00"])).strip() == ""
    assert "version-" in await _refresh(owner, [f"{foreign['id']}:0"], tenant)


async def _refresh(browser: httpx.AsyncClient, shown: list[str], tenant: str = "home") -> str:
    answer = await browser.post(f"/console/t/{tenant}/keys/figures", data={"shown": shown})
    assert answer.status_code == 200, answer.text
    return answer.text


async def _now(world: World) -> Any:
    return await world.connection.fetchval("SELECT now()")
