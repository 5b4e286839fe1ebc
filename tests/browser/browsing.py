"""Pages that are watched: what a browser complains about fails the test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request

TIMEOUT_MS = 10_000

_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} in ${event.sourceFile}`));"""


class Look(NamedTuple):
    """How a page is looked at."""

    theme: Literal["light", "dark"] = "light"
    width_px: int = 1280
    height_px: int = 900
    scripts: bool = True


LIGHT, DARK, PHONE, PLAIN = Look(), Look(theme="dark"), Look(width_px=390, height_px=844), Look(scripts=False)

in_every_look = pytest.mark.parametrize(
    "look", [LIGHT, DARK, PHONE, PHONE._replace(theme="dark")], ids=["light", "dark", "phone", "phone-dark"]
)
"""For tests with the fixtures `look` and `page`."""


class Watch:
    """What browser and pages complained about. `allow` takes what a test provokes, as a pattern."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Complaints that match are no failure; each pattern must have met one."""
        self._allowed.append(re.compile(pattern))

    def attach(self, page: Page) -> None:
        """Listen to a page, and to whatever it opens."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))
        page.on("request", self._request)

    def judge(self) -> None:
        """Fail if there was a complaint that is not allowed, or an allowed one never came."""
        left = [text for text in self.complaints if not any(pattern.search(text) for pattern in self._allowed)]
        assert not left, "\n".join(left)
        missed = [one.pattern for one in self._allowed if not any(one.search(text) for text in self.complaints)]
        assert not missed, f"never came: {missed}"

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.hostname not in {"127.0.0.1", "localhost", None}:
            self.complaints.append(f"request to another host: {request.url}")


@asynccontextmanager
async def watched(browser: Browser, look: Look, watch: Watch) -> AsyncIterator[Page]:
    """A page in a profile of its own. Judging what was seen is left to the fixture `page`."""
    context = await browser.new_context(
        color_scheme=look.theme,
        java_script_enabled=look.scripts,
        viewport={"width": look.width_px, "height": look.height_px},
        reduced_motion="reduce",
        locale="en-GB",
    )
    context.set_default_timeout(TIMEOUT_MS)
    await context.add_init_script(_REPORT_VIOLATIONS)
    context.on("page", watch.attach)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def axe(page: Page) -> None:
    """Fail on whatever axe-core finds serious or critical."""
    results = await Axe().run(page, options={"resultTypes": ["violations"]})
    found = [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]}\n  {node['failureSummary']}"
        for violation in results.response["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    assert not found, "\n".join(found)


async def fits(page: Page) -> None:
    """Fail if the page itself has to be scrolled sideways."""
    beyond_px = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert beyond_px <= 0
