"""The parts of the pages in a real browser: themes, screens, keyboard, scripts on and off, the policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Dialog, Page, expect

from tests.browser import sample
from tests.browser.application import PAGES, Gallery, serving
from tests.browser.browsing import DARK, LIGHT, PLAIN, Look, Watch, axe, fits, in_every_look, watched
from tests.conftest import Eventually

without_scripts = pytest.mark.parametrize("look", [PLAIN], ids=["no scripts"])


@pytest.fixture
def gallery() -> Gallery:
    return Gallery()


@pytest.fixture
async def address(gallery: Gallery) -> AsyncIterator[str]:
    async with serving(gallery) as url:
        yield url


@in_every_look
async def test_every_page_is_accessible_and_fits_and_runs_nothing_foreign(page: Page, address: str) -> None:
    for path in PAGES:
        await page.goto(address + path)
        await axe(page)
        await fits(page)
        assert await page.locator("h1").count() == 1


async def test_hostile_names_are_text(page: Page, address: str) -> None:
    await page.goto(address)
    names = await page.locator("tbody th .cell-title").all_inner_texts()
    assert sample.HOSTILE in names
    assert "report\\u202efdp.exe" in names
    assert await page.locator("tbody img").count() == 0


async def test_filters_put_the_list_in_place_and_keep_focus_and_address(page: Page, address: str) -> None:
    await page.goto(address)
    await page.evaluate("window.stayed = true")
    await page.get_by_role("searchbox").press_sequentially("zap")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.wait_for_url("**/?q=zap**")
    await expect(page.locator("#announce")).to_have_text("1 keys")
    assert await page.evaluate("window.stayed")
    await page.go_back()
    await expect(page.locator("tbody tr")).to_have_count(len(sample.NAMES))
    assert await page.evaluate("sessionStorage.getItem('htmx-history-cache')") is None


@without_scripts
async def test_filters_work_without_scripts(page: Page, address: str) -> None:
    await page.goto(address)
    await page.get_by_role("searchbox").fill("zap")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("tbody tr")).to_have_count(1)


async def test_a_dialog_shows_the_page_that_its_link_leads_to(page: Page, address: str, gallery: Gallery) -> None:
    await page.goto(f"{address}/key")
    link = page.get_by_role("link", name="Revoke").first
    await link.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Revoke this API Key?")
    await expect(dialog.get_by_label("Reason")).to_be_focused()
    await axe(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(link).to_be_focused()
    await link.click()
    await dialog.get_by_label("Name of the key").fill(sample.REORDERED)
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(page).to_have_url(f"{address}/")
    assert gallery.posts[0][1]["confirmation"] == [sample.REORDERED]


@without_scripts
async def test_a_dialog_is_a_page_without_scripts(page: Page, address: str, gallery: Gallery) -> None:
    await page.goto(f"{address}/key")
    await page.get_by_role("link", name="Revoke").first.click()
    await page.get_by_label("Name of the key").fill("x")
    await page.get_by_role("button", name="Revoke").click()
    assert gallery.posts[0][1]["confirmation"] == ["x"]


@pytest.mark.parametrize("look", [LIGHT, PLAIN], ids=["scripts", "no scripts"])
async def test_a_form_comes_from_this_site_and_says_so(page: Page, address: str, gallery: Gallery) -> None:
    await page.goto(f"{address}/new")
    await page.get_by_label("Name", exact=True).fill("Zapier Integration")
    await page.get_by_label("30 days").check()
    await page.get_by_role("button", name="Create API Key").click()
    await expect(page).to_have_url(f"{address}/secret")
    headers, form = gallery.posts[0]
    assert headers["origin"] == address
    assert headers["sec-fetch-site"] == "same-origin"
    assert form["expires"] == ["30d"]
    assert form["scopes"] == ["PSA"]


async def test_a_refused_form_says_what_is_wrong_where(page: Page, address: str, watch: Watch) -> None:
    watch.allow("status of 422")
    await page.goto(f"{address}/new")
    field = page.get_by_label("Name", exact=True)
    await field.fill("taken")
    await page.get_by_role("button", name="Create API Key").click()
    await expect(page.locator("[data-focus]")).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(
        "What will use it, such as “Zapier Integration”. There is a key of this name already."
    )
    await axe(page)


async def test_a_date_is_asked_for_only_where_it_counts(page: Page, address: str) -> None:
    await page.goto(f"{address}/new")
    date = page.get_by_label("Last day")
    await expect(date).to_be_hidden()
    await page.get_by_label("Date", exact=True).check()
    await expect(date).to_be_focused()


async def test_leaving_an_unstored_secret_asks_first(page: Page, address: str, eventually: Eventually) -> None:
    await page.goto(f"{address}/secret")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    await page.get_by_role("link", name="Done").click(force=True)
    await expect(page).to_have_url(f"{address}/secret")
    await expect(page.get_by_label("I have stored it")).to_be_focused()
    await page.close(run_before_unload=True)
    await eventually(lambda: asked == ["beforeunload"])
    await page.get_by_label("I have stored it").check()
    await page.get_by_role("link", name="Done").click()
    await expect(page).to_have_url(f"{address}/")
    assert asked == ["beforeunload"]


async def test_a_secret_is_copied(browser: Browser, page: Page, address: str) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    await page.goto(f"{address}/secret")
    await page.get_by_role("button", name="Copy the secret").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"


async def test_where_nothing_can_be_copied_the_secret_is_selected(page: Page, address: str) -> None:
    await page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    await page.goto(f"{address}/secret")
    await page.get_by_role("button", name="Copy the secret").click()
    await expect(page.get_by_role("button", name="Selected")).to_be_visible()
    assert await page.evaluate("getSelection().toString()") == "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"


async def test_all_scopes_are_chosen_at_once(page: Page, address: str) -> None:
    await page.goto(f"{address}/new")
    await page.get_by_role("button", name="Select all").click()
    assert await page.locator("[name=scopes]:checked").count() == 10
    await page.get_by_role("button", name="Select none").click()
    assert await page.locator("[name=scopes]:checked").count() == 0


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
async def test_a_chosen_theme_is_there_before_the_page_is_drawn(page: Page, address: str, look: Look) -> None:
    await page.goto(address)
    before = await _ground(page)
    await page.get_by_role("button", name=f"Use the {'dark' if look.theme == 'light' else 'light'} theme").click()
    chosen = await _ground(page)
    assert chosen != before
    response = await page.goto(address)
    assert response is not None
    assert f'data-theme="{"dark" if look.theme == "light" else "light"}"' in await response.text()
    assert await _ground(page) == chosen


async def _ground(page: Page) -> str:
    return str(await page.evaluate("getComputedStyle(document.body).backgroundColor"))


async def test_the_keyboard_reaches_everything_in_order(page: Page, address: str) -> None:
    await page.goto(address)
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="New API Key")).to_be_focused()
    menu = page.locator("summary", has_text="ada@example.com")
    await menu.press("Enter")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    await expect(menu).to_be_focused()


async def test_a_chart_has_its_table(page: Page, address: str) -> None:
    await page.goto(f"{address}/key")
    table = page.get_by_role("table", name="Requests by day")
    await expect(table).to_be_hidden()
    await page.get_by_text("View as table").first.click()
    await expect(table.get_by_role("row")).to_have_count(31)


# The watch notices what it is there to notice.


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('wrong')", "console: wrong"),
        ("setTimeout(() => { throw new Error('wrong') })", "error in the page"),
        ("fetch('http://192.0.2.1/').catch(() => 0)", "policy: connect-src"),
        ("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">')", "policy: style-src"),
        ("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')", "policy: script-src"),
        ("eval('1')", "policy: script-src"),
    ],
)
async def test_the_watch_complains(
    browser: Browser, address: str, script: str, complaint: str, eventually: Eventually
) -> None:
    watch = Watch()
    async with watched(browser, LIGHT, watch) as page:
        await page.goto(address)
        await page.evaluate(f"() => {{ setTimeout(() => {{ {script} }}) }}")
        await eventually(lambda: any(complaint in text for text in watch.complaints))
    with pytest.raises(AssertionError):
        watch.judge()


async def test_a_request_elsewhere_is_seen_where_no_policy_forbids_it(browser: Browser) -> None:
    watch = Watch()
    async with serving(Gallery({"Content-Type": "text/html"})) as address, watched(browser, LIGHT, watch) as page:
        await page.goto(address)
        async with page.expect_request(lambda request: urlsplit(request.url).hostname == "192.0.2.1"):
            await page.evaluate("() => { fetch('http://192.0.2.1/').catch(() => 0) }")
    assert "request to another host: http://192.0.2.1/" in watch.complaints
