"""One browser for all tests; a watched page for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.browser import chromium
from tests.browser.application import serving
from tests.browser.browsing import LIGHT, Look, Watch, watched
from tests.integration.hub.conftest import world
from tests.integration.hub.world import World

__all__ = ["world"]

# Chromium's own sandbox refuses to run as root, and containers rarely have much in /dev/shm.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"]


@pytest.fixture(scope="session")
def executable() -> str:
    """The browser's program, found before an event loop runs: looking for it needs Playwright's own."""
    return str(chromium.executable())


@pytest.fixture(scope="session")
async def browser(executable: str) -> AsyncIterator[Browser]:
    """The browser, started once."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
def look() -> Look:
    """How `page` is looked at; tests parametrise it."""
    return LIGHT


@pytest.fixture
def watch() -> Watch:
    """What `page` complains about: console errors, script errors, violations of the policy, requests elsewhere."""
    return Watch()


@pytest.fixture
async def page(browser: Browser, look: Look, watch: Watch) -> AsyncIterator[Page]:
    """A page in a profile of its own; at its end the watch judges."""
    async with watched(browser, look, watch) as opened:
        yield opened
    watch.judge()


@pytest.fixture(scope="module")
async def hub(world: World) -> AsyncIterator[str]:
    """The address of the test file's own Hub, `world`."""
    async with serving(world.app) as address:
        yield address


@pytest.fixture
async def owner(page: Page, world: World, hub: str) -> Page:
    """The same page, and an owner has signed in to `hub`."""
    browser = await world.browser()
    name = "keystile-session"
    await page.context.add_cookies([{"name": name, "value": browser.cookies[name], "url": hub}])
    return page
