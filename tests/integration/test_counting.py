"""What the agent publishes for its machine: sums of all decisions, and when it last did what it is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from keystile import Gate
from keystile._core import boottime
from keystile.figures import FED_NS, FLUSHED_NS
from keystile.settings import Settings, segment_path
from keystile.store.pool import Connection
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]


async def test_the_machine_is_told_what_the_agent_does(
    settings: Settings, conn: Connection, eventually: Eventually
) -> None:
    _, secret = await issue(conn, settings)
    async with running(settings):
        gate = Gate.attach(segment_path(settings))
        gate.finish(gate.check(secret), 404)

        def passed(*names: str, since_ns: int) -> bool:
            figures = gate.counters.figures()
            return all(since_ns < figures.get(name, 0) <= boottime() for name in names)

        begun_ns = boottime()
        await eventually(lambda: passed(FED_NS, FLUSHED_NS, since_ns=begun_ns))
        assert gate.counters.decisions()["ok"] == 1
        assert gate.counters.application_errors() == (1, 0)

        # Usage can no longer be written: that is told, and everything else goes on.
        await conn.execute("ALTER TABLE usage_totals RENAME TO gone")
        gate.check(secret)
        await eventually(lambda: gate.counters.decisions()["ok"] == 2)
        await eventually(lambda: not passed(FLUSHED_NS, since_ns=boottime() - 10 * settings.flush_interval_ms * 10**6))
        since_ns = boottime()
        await eventually(lambda: passed(FED_NS, since_ns=since_ns))
        assert not passed(FLUSHED_NS, since_ns=since_ns)
        await conn.execute("ALTER TABLE gone RENAME TO usage_totals")
        await eventually(lambda: passed(FLUSHED_NS, since_ns=since_ns))
    # The last tally of an agent that ends, and the first one of the next.
    gate.check(secret)
    async with running(settings):
        assert gate.counters.decisions()["ok"] == 3
