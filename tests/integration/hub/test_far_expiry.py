"""Dates far ahead: a gate counts nanoseconds in 64 bits, which end in the year 2554."""

from __future__ import annotations

import pytest
from world import World


@pytest.mark.parametrize("end", ["2554-01-01T00:00:00Z", "2555-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_an_expiry_beyond_what_a_gate_can_count_is_no_harm(world: World, end: str) -> None:
    _, secret = await world.issue(expires_at=end)
    assert await world.decide(secret) == (200, "ok")
    _, later = await world.issue()
    assert await world.decide(later) == (200, "ok")
