"""Advice in a browser: from a quiet badge to what remedies it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.browsing import LIGHT, PHONE, PLAIN, axe, fits
from tests.integration.console import advised
from tests.integration.hub.world import World


@pytest.mark.parametrize("look", [LIGHT, PHONE._replace(theme="dark")], ids=["light", "phone-dark"])
async def test_from_a_badge_to_scopes_that_are_dropped(owner: Page, hub: str, world: World) -> None:
    tenant = await world.tenant()
    key = await advised.unused_scopes(world, name="Zapier Integration", tenant=tenant)
    await owner.goto(f"{hub}/console/t/{tenant}/keys")
    await expect(owner.get_by_role("link", name="1 with unused scopes")).to_be_visible()
    await axe(owner)
    await fits(owner)
    await owner.get_by_role("link", name="Unused scopes", exact=True).click()
    await expect(owner.get_by_role("heading", name="Advice")).to_be_visible()
    piece = owner.get_by_role("listitem").filter(has_text="Zapier Integration")
    await expect(piece).to_contain_text("CRM Books")
    await axe(owner)
    await fits(owner)
    await piece.get_by_role("button", name="Drop unused scopes").click()
    await expect(owner.get_by_text("are dropped.")).to_be_visible()
    await expect(owner.get_by_role("heading", name="Nothing to do")).to_be_visible()
    await axe(owner)
    await owner.get_by_role("link", name="Zapier Integration").click()
    await expect(owner.get_by_role("heading", name="Zapier Integration")).to_be_visible()
    await expect(owner.get_by_role("heading", name="Advice")).to_have_count(0)
    held = (await world.client.get(f"/v1/keys/{key['id']}")).json()
    assert held["scopes"] == ["PSA"]


@pytest.mark.parametrize("look", [PLAIN], ids=["no scripts"])
async def test_a_key_s_page_remedies_without_scripts(owner: Page, hub: str, world: World) -> None:
    key = await advised.no_expiry(world)
    await owner.goto(f"{hub}/console/t/home/keys/{key['id']}")
    await owner.get_by_role("button", name="Expire in 90 days").click()
    await expect(owner.get_by_text("expires in 90 days now.")).to_be_visible()
    await expect(owner.get_by_role("button", name="Expire in 90 days")).to_have_count(0)
