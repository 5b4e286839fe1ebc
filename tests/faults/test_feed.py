"""What the feed survives; and that each mechanism is needed: taken out, the checker notices."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.scenarios import feed
from tests.faults.world import STALE_AFTER_MS, world_on

_SCENARIOS = (feed.cut_off, feed.late_answer, feed.reloads, feed.forgotten_changes)
_RECOVERY_S = 2.5 * STALE_AFTER_MS / 1_000


@pytest.mark.parametrize(
    ("scenario", "mutation", "rule"),
    [
        (feed.cut_off, "endless_lease", "bound"),
        (feed.cut_off, "no_deadline", "recovery"),
        (feed.late_answer, "lease_from_arrival", "bound"),
        (feed.reloads, "forgetful_reload", "refused"),
        (feed.forgotten_changes, "no_doubt", "confirmed"),
    ],
)
async def test_a_mechanism_that_is_missing_is_noticed(
    database_url: str, scenario: feed.Scenario, mutation: str, rule: str
) -> None:
    async with world_on(database_url) as world:
        await world.start(mutation)
        await scenario(world)
        with pytest.raises(AssertionError, match=rf"(?m)^{rule}: "):
            world.judge(recovery_s=_RECOVERY_S)


async def test_with_its_mechanisms_it_survives(database_url: str) -> None:
    async with world_on(database_url) as world:
        await world.start()
        for scenario in (*_SCENARIOS, feed.rotated_then_revoked):
            await scenario(world)
            world.judge()
        await world.finish()
        await world.judge_counts()


async def test_starting_during_a_burst_of_revocations(database_url: str, random: Random) -> None:
    async with world_on(database_url) as world:
        await world.start()
        await feed.burst(world, random)
        world.judge()
        await world.finish()
        await world.judge_counts()


@pytest.mark.parametrize("harmless", ["repeating_feed", "shuffling_feed"])
async def test_pages_that_come_twice_or_shuffled_do_no_harm(database_url: str, harmless: str) -> None:
    async with world_on(database_url) as world:
        await world.start(harmless)
        await feed.repeated_pages(world)
        world.judge()
