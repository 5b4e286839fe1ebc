"""A key's page in a browser: the flows, with the keyboard alone, without scripts, and figures that stay current."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.browsing import LIGHT, PHONE, PLAIN, axe, fits
from tests.conftest import Eventually
from tests.integration.console.reading import Key, path_of
from tests.integration.hub.world import World

without_scripts = pytest.mark.parametrize("look", [PLAIN], ids=["no scripts"])
EVERYWHERE = "Refused at every gate"


async def _used(world: World, eventually: Eventually) -> tuple[Key, str]:
    """A key that was used just now, and its secret."""
    key, secret = await world.issue(name="Zapier Integration")
    await world.decide(secret)
    await eventually(lambda: _counted(world, key, 1))
    return key, secret


async def _counted(world: World, key: Key, requests: int) -> bool:
    usage = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
    return bool(usage["total_requests"] == requests)


async def test_revoking_a_key_in_use_to_the_end(owner: Page, hub: str, world: World, eventually: Eventually) -> None:
    key, secret = await _used(world, eventually)
    await owner.goto(hub + path_of(key))
    await owner.get_by_role("link", name="Revoke", exact=True).click()
    dialog = owner.get_by_role("dialog", name="Revoke this API key?")
    await expect(dialog).to_contain_text("1 request in the last 24 hours")
    await dialog.get_by_label("Reason").fill("Left the company.")
    await dialog.get_by_label("Name of the key").fill("Zapier Integration")
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(owner.get_by_text(EVERYWHERE)).to_be_visible()
    assert await world.decide(secret) == (401, "revoked_key")
    await expect(owner).to_have_url(hub + path_of(key))
    await expect(owner.get_by_role("main").get_by_role("link", name="Revoke")).to_have_count(0)
    await axe(owner)


async def test_rotating_and_ending_the_old_secret(owner: Page, hub: str, world: World) -> None:
    key, old = await world.issue()
    await owner.goto(hub + path_of(key))
    await owner.get_by_role("link", name="Rotate").click()
    dialog = owner.get_by_role("dialog", name="Rotate this API key?")
    await expect(dialog.get_by_label("After 24 hours")).to_be_checked()
    await dialog.get_by_label("After 7 days").check()
    await dialog.get_by_role("button", name="Rotate").click()
    secret = await owner.get_by_role("group", name="the secret").inner_text()
    await axe(owner)
    await owner.get_by_label("I have stored it").check()
    await owner.get_by_role("link", name="Done").click()
    await expect(owner.get_by_role("main")).to_contain_text(f"{secret[:8]}…{secret[-4:]}")
    await expect(owner.get_by_text("Works until")).to_contain_text("in 6 days")
    in_use, ending = owner.locator("#current-secret"), owner.locator("#previous-secret")
    await expect(in_use).to_contain_text("Not used since the rotation.")
    assert await world.decide(secret) == (200, "ok")
    await expect(in_use).to_contain_text("Last used just now.", timeout=15_000)
    await expect(ending).to_contain_text("Not used since the rotation.")
    assert await world.decide(old) == (200, "ok")
    await expect(ending).to_contain_text("Last used just now.", timeout=15_000)
    await owner.get_by_role("link", name="End the old one now").click()
    await owner.get_by_role("dialog").get_by_role("button", name="End the old secret").click()
    await expect(owner.get_by_text("The old secret has ended.")).to_be_visible()
    assert await world.decide(old) == (401, "unknown_key")
    assert await world.decide(secret) == (200, "ok")


async def test_revoking_with_the_keyboard_alone(owner: Page, hub: str, world: World) -> None:
    key, secret = await world.issue()
    await owner.goto(hub + path_of(key))
    link = owner.get_by_role("link", name="Revoke", exact=True)
    for _ in range(30):
        await owner.keyboard.press("Tab")
        if await link.evaluate("(link) => link === document.activeElement"):
            break
    await owner.keyboard.press("Enter")
    await expect(owner.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    await owner.keyboard.press("Tab")
    await owner.keyboard.press("Tab")
    await expect(owner.get_by_role("dialog").get_by_role("button", name="Revoke")).to_be_focused()
    await owner.keyboard.press("Enter")
    await expect(owner.get_by_text(EVERYWHERE)).to_be_visible()
    assert await world.decide(secret) == (401, "revoked_key")


@without_scripts
async def test_revoking_without_scripts(owner: Page, hub: str, world: World, eventually: Eventually) -> None:
    key, secret = await _used(world, eventually)
    await owner.goto(hub + path_of(key))
    await owner.get_by_role("link", name="Revoke", exact=True).click()
    await owner.get_by_label("Name of the key").fill("Zapier Integration")
    await owner.get_by_role("button", name="Revoke").click()
    await expect(owner.get_by_text(EVERYWHERE)).to_be_visible()
    assert await world.decide(secret) == (401, "revoked_key")


async def test_figures_stay_current_and_leave_the_reader_alone(
    owner: Page, hub: str, world: World, eventually: Eventually
) -> None:
    key, secret = await _used(world, eventually)
    await owner.clock.install()
    await owner.goto(hub + path_of(key))
    await owner.get_by_text("View as table").last.click()
    table = owner.get_by_role("table", name="Requests by hour")
    await owner.get_by_role("region", name="Requests by hour, as a table").evaluate("(region) => region.scrollTop = 90")
    asked: list[str] = []
    owner.on("request", lambda request: asked.append(request.url))
    await world.decide(secret)
    await world.decide(secret, "CRM")
    await eventually(lambda: _counted(world, key, 3))
    await owner.clock.run_for(5_000)
    await expect(owner.locator("#total-requests dd")).to_have_text("3")
    await expect(owner.locator("#error-rate dd").first).to_have_text("33.33%")
    await expect(table.get_by_role("row").last.get_by_role("cell").first).to_have_text("3")
    await expect(owner.get_by_text("View as table").last).to_be_focused()
    scrolled = owner.get_by_role("region", name="Requests by hour, as a table")
    assert await scrolled.evaluate("(region) => region.scrollTop") == 90
    assert asked

    await _hide(owner, hidden=True)
    asked.clear()
    await owner.clock.run_for(60_000)
    assert not asked
    async with owner.expect_request("**/figures"):
        await _hide(owner, hidden=False)


async def _hide(page: Page, *, hidden: bool) -> None:
    """As if another tab were looked at."""
    await page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.parametrize("look", [LIGHT, PHONE._replace(theme="dark")], ids=["light", "phone-dark"])
async def test_its_pages_are_accessible_and_fit(owner: Page, hub: str, world: World, eventually: Eventually) -> None:
    key, _ = await _used(world, eventually)
    await world.client.post(f"/v1/keys/{key['id']}/rotate")
    for rest in ([], ["edit"], ["rotate"], ["rotate", "end"], ["revoke"]):
        await owner.goto(hub + path_of(key, *rest))
        await axe(owner)
        await fits(owner)
        assert await owner.locator("h1").count() == 1
