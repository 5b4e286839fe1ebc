"""Draws `docs/images`: the console with sample data, light, dark and on a phone. `python -m tests.browser.pictures`."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser import chromium
from tests.browser.browsing import DARK, LIGHT, PHONE, Look, Watch, watched
from tests.browser.conftest import FLAGS
from tests.processes.serving import Serve

FOLDER = Path(__file__).parents[2] / "docs/images"
LOOKS = {"light": LIGHT, "dark": DARK, "narrow": PHONE}
_EMAIL, _PASSWORD = "ada@example.com", "correct horse battery staple"


async def draw(serve: Serve, browser: Browser) -> None:
    """All pictures of one running server with sample data."""
    (link,) = re.findall(r"http://\S+/console/link/\S+", serve.log.read_text())
    async with watched(browser, LIGHT, Watch()) as page:
        await page.goto(link)
        await page.get_by_label("Email").fill(_EMAIL)
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Set password and sign in").click()
        await page.wait_for_url("**/keys")
    for name, look in LOOKS.items():
        await _in_one_look(serve, browser, name, look)


async def _in_one_look(serve: Serve, browser: Browser, name: str, look: Look) -> None:
    async with watched(browser, look, Watch()) as page:
        await page.goto(f"{serve.url}/console/sign-in")
        await page.get_by_label("Email").fill(_EMAIL)
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/keys")
        await _save(page, f"list-{name}")
        await page.get_by_role("link", name="New API Key").first.click()
        await page.get_by_label("Name").fill("Zapier Integration")
        for scope in ("PSA", "Books"):
            await page.get_by_role("checkbox", name=re.compile(f"^{scope}")).check()
        await _save(page, f"create-{name}")
        await page.get_by_role("button", name="Create API Key").click()
        await page.locator("#secret").wait_for()
        await _save(page, f"secret-{name}")
        await page.get_by_label("I have stored it").check()
        await page.get_by_role("link", name="Done").click()
        await page.get_by_role("searchbox").fill("warehouse")
        await page.get_by_role("link", name=re.compile("warehouse")).first.click()
        await expect(page.locator("#total-requests")).to_be_visible()
        await _save(page, f"key-{name}")
        await page.get_by_role("link", name=re.compile("^Revoke")).first.click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").wait_for()
        await _save(page, f"revoke-{name}")
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="Audit", exact=True).click()
        await _save(page, f"audit-{name}")


async def _save(page: Page, name: str) -> None:
    await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


async def main() -> None:
    """Start everything, draw, stop everything."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(Path(folder) / "data", "--demo")
        try:
            await asyncio.to_thread(serve.started)
            async with async_playwright() as playwright:
                program = str(await asyncio.to_thread(chromium.executable))
                browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
                await draw(serve, browser)
                await browser.close()
        finally:
            await asyncio.to_thread(serve.stop)


if __name__ == "__main__":
    asyncio.run(main())
