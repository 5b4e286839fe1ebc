"""The whole way of a new user, with the real program: from its first link to a key that is refused again."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.processes.serving import Serve

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """`keystile serve --demo`, as `make demo` starts it."""
    serve = Serve(tmp_path / "data", "--demo", "--workers", "2")
    try:
        await asyncio.to_thread(serve.started)
        yield serve
        assert await asyncio.to_thread(serve.stop) == 0
    finally:
        if serve.process.poll() is None:
            serve.kill_group()


def curl(url: str, secret: str) -> int:
    """The status of a request, made as the page says it."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {secret}", url]
    return int(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout)


async def test_from_the_first_link_to_a_refused_key(serve: Serve, page: Page) -> None:
    (link,) = re.findall(r"http://\S+/console/link/\S+", serve.log.read_text())
    await page.goto(link)
    await page.get_by_label("Email").fill("ada@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Set password and sign in").click()

    await page.get_by_role("link", name="New API Key").first.click()
    await page.get_by_label("Name").fill("Zapier Integration")
    await page.get_by_role("checkbox", name=re.compile("^PSA")).check()
    await page.get_by_role("button", name="Create API Key").click()
    secret = (await page.locator("#secret").inner_text()).strip()
    await page.get_by_role("button", name="Copy the secret").click()
    await page.get_by_label("I have stored it").check()
    await page.get_by_role("link", name="Done").click()

    tickets = f"{serve.url}/api/tickets"
    assert await asyncio.to_thread(curl, tickets, secret) == 200
    assert await asyncio.to_thread(curl, f"{tickets}?fail=503", secret) == 503
    # The figures come by themselves.
    row = page.get_by_role("row", name=re.compile("Zapier Integration"))
    await expect(row).to_contain_text("50%")
    await row.get_by_role("link", name="Zapier Integration").click()
    await expect(page.locator("#total-requests dd")).to_have_text("2")

    await page.get_by_role("link", name=re.compile("^Revoke")).first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name of the key").fill("Zapier Integration")
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("Refused at every gate")).to_be_visible()
    assert await asyncio.to_thread(curl, tickets, secret) == 401
