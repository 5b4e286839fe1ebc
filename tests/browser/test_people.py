"""People in a browser: the first link, signing in and out, operators who are let in and put out, the trail."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from keystile.hub.sessions.service import first_link
from tests.browser.browsing import LIGHT, PHONE, PLAIN, Look, Watch, axe, fits, watched
from tests.integration.hub.world import PASSWORD, World

SIGN_IN = "/console/sign-in"
everywhere = pytest.mark.parametrize("look", [LIGHT, PHONE._replace(theme="dark")], ids=["light", "phone-dark"])
with_and_without_scripts = pytest.mark.parametrize("look", [LIGHT, PLAIN], ids=["scripts", "no scripts"])


async def _sign_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def _signed_in_as(page: Page, email: str) -> None:
    await expect(page.locator("header summary", has_text=email)).to_be_attached()


async def test_the_first_link_then_out_and_in_again(page: Page, hub: str, world: World, watch: Watch) -> None:
    """It runs first: once there is an operator there is no first link."""
    watch.allow("status of 422")
    token = await first_link(world.connection)
    await page.goto(f"{hub}/console/link/{token}")
    await axe(page)
    await expect(page.get_by_role("heading", name="Become the owner")).to_be_visible()
    await page.get_by_label("Email").fill("First@Example.com")
    await page.get_by_label("Password").fill("short")
    await page.get_by_role("button", name="Set password and sign in").click()
    await expect(page.get_by_label("Password")).to_have_accessible_description(re.compile("Use 12 to 256 characters"))
    await expect(page.get_by_label("Email")).to_have_value("First@Example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Set password and sign in").click()
    await page.wait_for_url("**/console/t/home/keys")
    await _signed_in_as(page, "first@example.com")

    await page.locator("summary", has_text="first@example.com").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(f"**{SIGN_IN}")
    await axe(page)
    await page.goto(f"{hub}/console/t/home/audit")
    await page.wait_for_url(f"**{SIGN_IN}?next=**")
    await _sign_in(page, "first@example.com", "not the password")
    await expect(page.get_by_role("alert")).to_contain_text("The address or the password is wrong.")
    await expect(page.get_by_label("Email")).to_have_value("first@example.com")
    await expect(page.get_by_label("Password")).to_be_focused()
    await axe(page)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/t/home/audit")


@with_and_without_scripts
async def test_an_operator_is_let_in_and_put_out(
    owner: Page, browser: Browser, hub: str, look: Look, watch: Watch
) -> None:
    email = "grace@example.com" if look.scripts else "ada@example.com"
    await owner.goto(f"{hub}/console/t/home/operators")
    await owner.get_by_role("link", name="Add operator").click()
    await owner.get_by_label("Email").fill(email)
    await owner.get_by_role("radio", name="Admin").check()
    await owner.get_by_role("button", name="Add and make a link").click()
    link = await owner.get_by_role("group", name="the link").inner_text()
    assert link.startswith(f"{hub}/console/link/")
    if look.scripts:
        await axe(owner)
        await expect(owner.get_by_role("button", name="Copy the link")).to_be_visible()

    async with watched(browser, look, watch) as other:
        await other.goto(link)
        await other.get_by_label("Password").fill(PASSWORD)
        await other.get_by_role("button", name="Set password and sign in").click()
        await other.goto(f"{hub}/console/t/home/operators")
        await _signed_in_as(other, email)
        await expect(other.get_by_role("link", name="Add operator")).to_have_count(0)

        await owner.get_by_role("link", name="Done").click()
        await owner.get_by_role("link", name=email).click()
        await owner.get_by_role("radio", name="Viewer").check()
        await owner.get_by_role("button", name="Save role").click()
        await expect(owner.get_by_text("The role is saved.")).to_be_visible()
        await owner.get_by_role("button", name="Disable").click()
        await expect(owner.get_by_text("The operator is disabled, and signed out everywhere.")).to_be_visible()

        await other.goto(f"{hub}/console/t/home/operators")
        await other.wait_for_url(f"**{SIGN_IN}?next=**")


@everywhere
async def test_the_pages_are_accessible_and_fit(owner: Page, hub: str, world: World) -> None:
    home = f"{hub}/console/t/home"
    key, _ = await world.issue(name="<img src=x onerror=alert(1)>\u202e")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"scopes": ["PSA", "CRM"], "note": "for\nsomebody"})
    operator = (await world.client.get("/v1/operators")).json()["items"][0]["id"]
    pages = ["operators", "operators/new", f"operators/{operator}", "tenants", "tenants/new", "audit", "tiers"]
    for url in (*(f"{home}/{page}" for page in pages), f"{hub}/console/account"):
        await owner.goto(url)
        await axe(owner)
        await fits(owner)
        assert await owner.locator("h1").count() == 1
    assert await owner.locator("img").count() == 0


async def test_the_trail_is_filtered_in_place(owner: Page, hub: str, world: World) -> None:
    key, _ = await world.issue(name="Traced")
    await world.client.patch(f"/v1/keys/{key['id']}", json={"name": "Traced again"})
    await owner.goto(f"{hub}/console/t/home/audit")
    await owner.evaluate("window.stayed = true")
    await owner.get_by_label("To what").fill(key["id"])
    await owner.get_by_label("To what").blur()
    rows = owner.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await owner.get_by_role("combobox", name="What").select_option("Key changed")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Traced → Traced again")
    await owner.wait_for_url("**/audit?**action=key.update**")
    assert await owner.evaluate("window.stayed")
    async with owner.expect_download() as saving:
        await owner.get_by_role("link", name="Export CSV").click()
    download = await saving.value
    assert download.suggested_filename == "keystile-audit.csv"
    assert "Traced again" in (await download.path()).read_text()


async def test_a_tenant_is_added_found_and_opened(owner: Page, hub: str) -> None:
    await owner.goto(f"{hub}/console/t/home/tenants")
    await owner.get_by_role("link", name="Add tenant").click()
    dialog = owner.get_by_role("dialog", name="Add a tenant")
    await dialog.get_by_label("Name").fill("Acme Ltd")
    await dialog.get_by_label("Id").fill("acme")
    await dialog.get_by_role("button", name="Add tenant").click()
    await expect(owner.get_by_text("The tenant is added.")).to_be_visible()
    await owner.get_by_role("searchbox").press_sequentially("acme l")
    await expect(owner.locator("tbody tr")).to_have_count(1)
    await owner.get_by_role("link", name="Open").click()
    await owner.wait_for_url("**/console/t/acme/keys")
