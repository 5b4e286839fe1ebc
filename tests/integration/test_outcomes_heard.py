"""Outcomes from proxies into a real agent, and from there to the reports of a real database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from keystile import Gate
from keystile.agent.outcomes import guests as connections
from keystile.figures import outcomes_of
from keystile.settings import Settings, segment_path
from keystile.store import usage
from keystile.store.pool import Connection
from tests.integration.following import issue, running

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text("")
    return path


@pytest.fixture
def hearing(settings: Settings, log: Path) -> Settings:
    return msgspec.structs.replace(settings, outcomes_listen="127.0.0.1:0", outcomes_files=(log,))


class Ear:
    """Where an agent says that it listens."""

    def __init__(self, caplog: pytest.LogCaptureFixture, eventually: Eventually) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog
        self._eventually = eventually

    async def port(self) -> int:
        def found() -> list[str]:
            return re.findall(r"outcomes are heard on 127.0.0.1 port (\d+)", self._caplog.text)

        await self._eventually(found)
        return int(found()[-1])


@pytest.fixture
def ear(caplog: pytest.LogCaptureFixture, eventually: Eventually) -> Ear:
    return Ear(caplog, eventually)


def heard(gate: Gate) -> dict[str, int]:
    """What became of all lines."""
    return outcomes_of(gate.counters.figures())


def line(key_id: str, status: int) -> bytes:
    return json.dumps({"key_id": key_id, "status": status}).encode()


async def gone(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes a connection, as it should."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            return await reader.read() == b""
    return True


def send(port: int, *datagrams: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
        for datagram in datagrams:
            udp.sendto(datagram, ("127.0.0.1", port))


async def test_by_every_way_into_the_error_rate(
    hearing: Settings, conn: Connection, log: Path, ear: Ear, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, hearing)
    async with running(hearing):
        gate = Gate.attach(segment_path(hearing))
        for _ in range(10):
            assert gate.check(secret)
        port = await ear.port()
        send(port, b"<190>Nov 23 07:04:10 nginx: " + line(key_id, 404))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line(key_id, 200) + b"\n" + line(key_id, 502) + b"\n" + line(key_id, 503)[:9])
        await writer.drain()
        writer.write(line(key_id, 503)[9:] + b"\n")
        await writer.drain()
        with log.open("ab") as file:
            file.write(line(key_id, 500) + b"\n")
        await eventually(lambda: sum(heard(gate).values()) == 5)
        writer.close()
    assert heard(gate) == {"counted": 4, "passed_over": 1, "unknown_key": 0, "malformed": 0, "dropped": 0}
    report = await usage.report(conn, key_id, 30)
    assert report is not None
    today = report.daily[-1]
    assert (today.requests, today.client_errors, today.server_errors, report.error_rate) == (10, 1, 3, 40.0)


async def test_another_agent_counts_no_outcome_again(
    hearing: Settings, conn: Connection, ear: Ear, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, hearing)
    for _ in range(2):
        async with running(hearing):
            gate = Gate.attach(segment_path(hearing))
            before = heard(gate)["counted"]
            gate.check(secret)
            send(await ear.port(), line(key_id, 503))
            await eventually(lambda before=before, gate=gate: heard(gate)["counted"] == before + 1)
    report = await usage.report(conn, key_id, 30)
    assert report is not None
    assert (report.total_requests, report.daily[-1].server_errors, report.error_rate) == (2, 2, 100.0)


async def test_a_flood_is_dropped_and_counted_and_the_gate_stays_fresh(
    hearing: Settings, conn: Connection, ear: Ear, eventually: Eventually
) -> None:
    key_id, secret = await issue(conn, hearing)
    async with running(hearing):
        gate = Gate.attach(segment_path(hearing))
        port = await ear.port()
        revision = gate.applied_revision
        sent = 60_000
        datagram = line(key_id, 503)

        def flood() -> None:
            send(port, *[datagram] * sent)

        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write((datagram + b"\n") * sent)
        flooding = asyncio.get_running_loop().run_in_executor(None, flood)
        # The feed goes on meanwhile.
        other_id, other = await issue(conn, hearing)
        await eventually(lambda: gate.check(other))
        assert gate.applied_revision > revision
        await asyncio.gather(flooding, writer.drain())

        def accounted() -> bool:
            # Of the datagrams that the kernel dropped it tells with the next one that it does not.
            send(port, b"{}")
            return sum(heard(gate).values()) - heard(gate)["malformed"] >= 2 * sent

        await eventually(accounted)
        assert gate.check(secret)
        writer.close()
    found = heard(gate)
    assert found["dropped"] > 0
    assert found["counted"] + found["dropped"] >= 2 * sent
    assert found["counted"] <= 2 * sent
    report = await usage.report(conn, key_id, 30)
    assert report is not None
    assert report.daily[-1].server_errors == found["counted"]
    assert other_id != key_id


async def test_hostile_connections_cost_only_themselves(
    hearing: Settings, conn: Connection, ear: Ear, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    key_id, _ = await issue(conn, hearing)
    async with running(hearing):
        gate = Gate.attach(segment_path(hearing))
        port = await ear.port()
        guests = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        # One more, and one of those goes of which nothing was understood, however much it said: the oldest.
        guests[1][1].write(b"\n" * 100)
        guests[0][1].write(line(key_id, 200) + b"\n")
        await eventually(lambda: heard(gate)["passed_over"] == 1)
        guests.append(await asyncio.open_connection("127.0.0.1", port))
        assert await gone(guests[1][0])
        guests[0][1].write(b"x" * 1_000_000 + b"\n" + b'{"a":' * 10_000 + b"\n\x00\xff\n" + line(key_id, 500) + b"\n")
        await eventually(lambda: heard(gate)["counted"] == 1)
        assert heard(gate)["malformed"] == 3
        # Nonsense without end is not listened to for ever.
        guests[2][1].write(b"nonsense\n" * connections.MOST_NONSENSE)
        assert await gone(guests[2][0])
        guests[3][1].write(line(key_id, 500) + b"\n")
        await eventually(lambda: heard(gate)["counted"] == 2)
        for _, writer in guests:
            writer.close()


async def test_an_address_in_use_stops_nothing_and_is_had_when_it_is_free(
    hearing: Settings, conn: Connection, ear: Ear, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    key_id, secret = await issue(conn, hearing)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        async with running(msgspec.structs.replace(hearing, outcomes_listen=f"127.0.0.1:{port}")):
            gate = Gate.attach(segment_path(hearing))
            await eventually(lambda: f"outcomes cannot be heard on 127.0.0.1 port {port}" in caplog.text)
            assert gate.check(secret)
            taken.close()
            assert await ear.port() == port
            send(port, line(key_id, 500))
            await eventually(lambda: heard(gate)["counted"] == 1)


async def test_what_no_gate_needs_may_fail_and_is_begun_again(
    hearing: Settings,
    conn: Connection,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("keystile.agent.agent.receive", broken)
    async with running(hearing):
        assert "the receiver of outcomes failed; it is begun again in 10 s" in caplog.text
        _, secret = await issue(conn, hearing)
        gate = Gate.attach(segment_path(hearing))
        await eventually(lambda: gate.check(secret))
