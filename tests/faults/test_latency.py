"""From a commit to the first refusal, on real machines; the long form says how long, over 1 000 revocations each."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.faults.scenarios import latency
from tests.faults.world import world_on


@pytest.mark.heavy
async def test_from_commit_to_refusal(
    database_url: str, random: Random, is_long: bool, record_property: Callable[[str, object], None]
) -> None:
    times = 1_000 if is_long else 24
    async with world_on(database_url, machines=0) as world:
        await latency.start(world)
        _, hinted, polling = world.machines
        found = {
            "beside the Hub": latency.figures(await latency.beside_the_hub(world, times)),
            "elsewhere, hinted": latency.figures(await latency.elsewhere(world, hinted, times, random)),
            "elsewhere, polling": latency.figures(await latency.elsewhere(world, polling, times, random)),
        }
    for where, (median_ms, p99_ms) in found.items():
        record_property(f"commit to refusal {where}, median ms", round(median_ms, 2))
        record_property(f"commit to refusal {where}, p99 ms", round(p99_ms, 2))
        print(f"{where}: median {median_ms:.2f} ms, p99 {p99_ms:.2f} ms")  # noqa: T201 - the long form's result
    # A poll has half its interval to wait for on the average; the hint waits for none.
    assert found["elsewhere, hinted"][0] < latency.POLL_INTERVAL_MS / 4
    assert found["beside the Hub"][0] < latency.POLL_INTERVAL_MS / 4
    assert found["elsewhere, polling"][0] > latency.POLL_INTERVAL_MS / 4
