"""The list of keys and the form for new ones, of a real Hub, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, Request, expect

from keystile.store import usage
from keystile.store.records import UsageRow
from tests.browser.application import serving
from tests.browser.browsing import LIGHT, PHONE, PLAIN, Look, Watch, axe, fits
from tests.conftest import Eventually
from tests.integration.hub.conftest import world
from tests.integration.hub.world import World

__all__ = ["world"]

LIST = "/console/t/home/keys"
without_scripts = pytest.mark.parametrize("look", [PLAIN], ids=["no scripts"])


LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
"""Asks for figures now, as a page does when somebody looks at it again."""


@pytest.fixture(scope="module")
async def address(world: World) -> AsyncIterator[str]:
    async with serving(world.app) as url:
        yield url


@pytest.fixture
async def signed_in(page: Page, world: World, address: str) -> Page:
    """The list, seen by an owner."""
    browser = await world.browser()
    await page.context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": address} for cookie in browser.cookies.jar]
    )
    await page.goto(address + LIST)
    return page


@pytest.mark.parametrize("look", [LIGHT, PHONE._replace(theme="dark")], ids=["light", "phone-dark"])
async def test_each_page_is_accessible_and_fits(signed_in: Page, world: World, watch: Watch, look: Look) -> None:
    page = signed_in
    watch.allow("status of 422")
    await world.issue(name="<img src=x onerror=\"console.error('ran')\">")
    await page.reload()
    await _judge(page)
    await page.goto(f"{page.url}?q=nothing")
    await _judge(page)
    await page.get_by_role("link", name="New API Key").click()
    await page.get_by_label("Name", exact=True).fill("A key")
    await page.get_by_role("button", name="Create API Key").click()
    await expect(page.get_by_label("Create it without access")).to_be_visible()
    await _judge(page)
    await page.get_by_label("PSA").check()
    await page.get_by_role("button", name="Create API Key").click()
    await expect(page.get_by_role("heading", name="API Key created")).to_be_visible()
    await _judge(page)
    await page.get_by_label("I have stored it").check()


async def _judge(page: Page) -> None:
    await axe(page)
    await fits(page)


async def test_a_key_is_created_copied_stored_and_listed(signed_in: Page, world: World, address: str) -> None:
    page = signed_in
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    await page.get_by_role("link", name="New API Key").click()
    await page.get_by_label("Name", exact=True).fill("Warehouse export")
    await page.get_by_label("CRM").check()
    await page.get_by_role("radio", name="30 days").check()
    await page.get_by_role("button", name="Create API Key").click()
    await page.get_by_role("button", name="Copy the secret").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    secret = await page.evaluate("navigator.clipboard.readText()")
    assert await world.decide(secret, "CRM") == (200, "ok")
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state, location.href])"
    assert secret not in await page.evaluate(kept)
    await page.get_by_label("I have stored it").check()
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("row", name="Warehouse export")).to_contain_text(f"{secret[:8]}…{secret[-4:]}")
    assert secret not in await page.content()


async def test_a_page_that_is_left_forgets_its_secret(signed_in: Page) -> None:
    page = signed_in
    await page.get_by_role("link", name="New API Key").click()
    await page.get_by_label("Name", exact=True).fill("Left")
    await page.get_by_label("PSA").check()
    await page.get_by_role("button", name="Create API Key").click()
    secret = await page.locator("#secret").inner_text()
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    assert secret not in await page.content()
    await page.get_by_label("I have stored it").check()


async def test_a_key_is_created_by_keyboard_alone(signed_in: Page, world: World) -> None:
    page, keyboard = signed_in, signed_in.keyboard
    await page.get_by_role("link", name="New API Key").focus()
    await keyboard.press("Enter")
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await keyboard.type("By keyboard")
    for _ in range(2):  # past "Select all"
        await keyboard.press("Tab")
    await expect(page.get_by_label("PSA")).to_be_focused()
    await keyboard.press("Space")
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="API Key created")).to_be_visible()
    stored = page.get_by_label("I have stored it")
    for _ in range(40):
        if await stored.evaluate("element => element === document.activeElement"):
            break
        await keyboard.press("Tab")
    await keyboard.press("Space")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await expect(page.get_by_role("link", name="By keyboard")).to_be_visible()


@without_scripts
async def test_a_key_is_created_without_scripts(signed_in: Page, world: World, watch: Watch) -> None:
    page = signed_in
    watch.allow("status of 422")
    await page.get_by_role("link", name="New API Key").click()
    await page.get_by_label("Name", exact=True).fill("No scripts")
    await page.get_by_role("button", name="Create API Key").click()
    await page.get_by_label("Create it without access").check()
    await page.get_by_role("button", name="Create API Key").click()
    secret = await page.locator("#secret").inner_text()
    assert await world.decide(secret) == (403, "insufficient_scope")
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("row", name="No scripts")).to_contain_text("No access")


async def test_figures_refresh_and_disturb_nobody(signed_in: Page, world: World, eventually: Eventually) -> None:
    page = signed_in
    key, _ = await world.issue(name="Lively")
    await page.reload()
    row, order = page.get_by_role("row", name="Lively"), page.get_by_label("Order")
    menu = page.locator("summary", has_text="@example.com")
    await menu.click()
    await order.focus()
    await page.evaluate("window.stayed = document.querySelector('tbody tr')")
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if request.method == "POST" else None)
    await page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    await page.evaluate(LOOK)
    row_used = UsageRow(key_id=key["id"], requests=77, server_errors=7, last_used_at=datetime.now(UTC))
    await usage.flush(world.connection, b"l" * 16, "here", [row_used])
    assert seen == []
    await page.evaluate(f"delete document.hidden; {LOOK}")
    await expect(row).to_contain_text("77")
    await expect(row).to_contain_text("9.09%")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await world.client.post(f"/v1/keys/{key['id']}/revoke")
    await page.evaluate(LOOK)
    await expect(row).to_contain_text("Revoked")
    await expect(order).to_be_focused()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert await page.evaluate("window.stayed === document.querySelector('tbody tr')")
    await eventually(lambda: len(seen) >= 2)


async def test_figures_that_do_not_come_say_so_and_disturb_nobody(signed_in: Page, world: World, watch: Watch) -> None:
    page = signed_in
    watch.allow("ERR_FAILED")
    await world.issue(name="Quiet")
    await page.reload()
    await page.route("**/figures", lambda route: route.abort())
    await page.evaluate(LOOK)
    await expect(page.get_by_text("Not current")).to_be_visible()
    assert await page.locator("#messages").inner_text() == ""
    await page.unroute("**/figures")
    await page.evaluate(LOOK)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
