"""However much is sent, the loop in which it is heard has time for the feed, and quiet proxies are heard."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keystile import new_key_id
from keystile._core import KeyRecord, Writer
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.listener import Listener
from keystile.figures import outcomes_of
from keystile.settings import Settings

FLOOD_S = 3.0
FLOODING = """
import selectors, socket, sys
address = ("127.0.0.1", int(sys.argv[1]))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setblocking(False)
long = b'{"status":503,"a":"' + b"x" * 60_000 + b'"}'
selector = selectors.DefaultSelector()

def connect(data):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(address)
    selector.register(sock, selectors.EVENT_WRITE, data)

for number in range(128):
    connect(b"\\n" * 262_144 if number % 2 else (long + b"\\n") * 4)
print("flooding", flush=True)
while True:
    for key, _ in selector.select(0.001):
        try:
            key.fileobj.send(key.data)
        except BlockingIOError:
            pass
        except OSError:
            selector.unregister(key.fileobj)
            key.fileobj.close()
            connect(key.data)
    for _ in range(20):
        for datagram in (long, b"x"):
            try:
                udp.sendto(datagram, address)
            except BlockingIOError:
                pass
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer.open(
        tmp_path / "gate",
        capacity=100,
        prefix="tos_",
        peppers=[b"p" * 32],
        failure_rate=60,
        failure_burst=100,
        allow_stale=False,
    )
    writer.set_catalogue(["PSA"], [("Plenty", 1_000, 1_000)])
    yield writer
    writer.close()


@contextmanager
def flood(port: int) -> Iterator[None]:
    """Another process that sends blank lines, endless lines and datagrams, and comes back when it is sent away."""
    with subprocess.Popen([sys.executable, "-c", FLOODING, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"flooding\n"
            yield
        finally:
            process.kill()


async def test_under_a_flood_the_loop_has_time_and_a_quiet_proxy_is_heard(
    writer: Writer, caplog: pytest.LogCaptureFixture, eventually: Callable[..., Awaitable[None]]
) -> None:
    caplog.set_level("INFO")
    key_id = new_key_id()
    writer.put(KeyRecord(key_id, bytes(32), scopes=["PSA"], tier="Plenty"))
    error = json.dumps({"key_id": key_id, "status": 503}).encode() + b"\n"
    listening = asyncio.create_task(Listener("127.0.0.1", 0, Intake(writer)).run())
    await eventually(lambda: "outcomes are heard" in caplog.text)
    port = int(re.findall(r"port (\d+)", caplog.text)[0])
    _, quiet = await asyncio.open_connection("127.0.0.1", port)
    longest_s, sent = 0.0, 0
    with flood(port):
        began_s, worked_s = time.monotonic(), time.thread_time()
        while (now_s := time.monotonic()) < began_s + FLOOD_S:
            quiet.write(error)
            sent += 1
            await asyncio.sleep(0.01)
            longest_s = max(longest_s, time.monotonic() - now_s)
        share = (time.thread_time() - worked_s) / (time.monotonic() - began_s)
    quiet.close()
    found = outcomes_of(writer.gate().counters.figures())
    listening.cancel()
    print(f"longest {longest_s:.3f} s, share {share:.2f}, {sent} sent, {found}")  # noqa: T201 - for whoever looks why
    assert longest_s < Settings().stale_after_ms / 4_000 / 4
    assert share < 0.5
    assert found["dropped"] > 10 * sent
    assert found["counted"] > sent / 2
