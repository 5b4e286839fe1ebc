"""Work beside the feed: it fails, and goes on."""

from __future__ import annotations

import asyncio

import pytest

from keystile.agent.lasting import lasting


async def test_what_fails_is_told_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            async with asyncio.TaskGroup():
                raise ValueError("a bug")

    await lasting("clerk", work, pause_s=0.001)
    assert begun == 3
    assert [record.message for record in caplog.records] == ["the clerk failed; it is begun again in 0.001 s"] * 2


async def test_it_ends_when_it_is_cancelled() -> None:
    task = asyncio.create_task(lasting("clerk", asyncio.Event().wait))  # type: ignore[arg-type] - what it returns is lost
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
