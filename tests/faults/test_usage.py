"""Counted = answered, exactly, whatever was cut, killed or away."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.faults.scenarios import usage
from tests.faults.world import world_on


async def test_a_commit_whose_reply_is_lost_counts_once(database_url: str, is_long: bool) -> None:
    async with world_on(database_url) as world:
        await world.issue(keys_=3)
        await world.start()
        await usage.cut_commits(world, 200 if is_long else 15)
        await world.finish()
        assert await world.judge_counts() > 0


async def test_naive_counts_count_it_again(database_url: str) -> None:
    async with world_on(database_url) as world:
        await world.issue(keys_=3)
        await world.start("naive_counts")
        await usage.cut_commits(world, 10)
        await world.finish()
        with pytest.raises(AssertionError, match=r"(?m)^counted: "):
            await world.judge_counts()
        answered = Counter(world.history.key_of[one.secret] for one in world.read())
        assert all(total > answered[key_id] for key_id, total in (await world.totals()).items())


async def test_counts_of_an_outage_arrive_once(database_url: str, is_long: bool) -> None:
    async with world_on(database_url, machines=2, stale_policy="allow") as world:
        good, *_ = await world.issue(keys_=3)
        await world.start()
        await world.asked("ok", good)
        await usage.outage(world, 60 if is_long else 1)
        assert {one.code for one in world.read()} == {"ok"}
        world.judge(bound=False)
        await world.finish()
        assert await world.judge_counts() > 0


@pytest.mark.heavy
async def test_killed_at_random_under_load(database_url: str, random: Random, is_long: bool) -> None:
    times = 500 if is_long else 12
    async with world_on(database_url, machines=2) as world:
        await world.issue(keys_=8)
        agents, hub = world.machines
        await usage.start_hub(world, hub)
        for _ in range(2):
            await agents.start_agent()
        for _ in range(3):
            await agents.start_worker(world.logs, world.secrets)
        assert sum((await usage.kills(world, random, times)).values()) == times
        world.judge()
        await world.finish()
        assert await world.judge_counts() > 0
