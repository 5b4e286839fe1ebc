"""Whom a waiting agent judges, and whom it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystile._core import Writer
from keystile.agent.holder import Holder, end, holder_of, lock_of, sign
from keystile.agent.vigil import Vigil

HOLD = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
start = open("/proc/self/stat").read().rpartition(")")[2].split()[19]
os.write(lock, f"{os.getpid()} {start}\\n".encode())
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that holds a segment's lock and signed it."""
    segment = tmp_path / "gate"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock_of(segment))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process, segment
    process.kill()
    process.communicate()


def test_a_holder_is_ended_even_while_it_is_stopped(held: tuple[subprocess.Popen[str], Path]) -> None:
    process, segment = held
    process.send_signal(signal.SIGSTOP)
    holder = holder_of(segment)
    assert holder is not None
    assert end(holder, segment)
    assert process.wait(20) == -signal.SIGKILL
    with lock_of(segment).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not end(holder, segment)


def test_nobody_else_is_ended(held: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> None:
    process, segment = held
    holder = holder_of(segment)
    assert holder is not None
    assert not end(Holder(holder.pid, holder.started + 1), segment), "a later process with the same pid"
    other = tmp_path / "other"
    lock_of(other).write_text(f"{holder.pid} {holder.started}\n")
    assert not end(holder, other), "it does not hold this lock"
    assert process.poll() is None


def test_a_holder_signs_for_itself(tmp_path: Path) -> None:
    segment = tmp_path / "gate"
    assert holder_of(segment) is None
    lock_of(segment).write_text("something much longer than any signature\n")
    assert holder_of(segment) is None
    sign(segment)
    holder = holder_of(segment)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert not end(holder, segment), "signing alone is not holding"


def test_only_a_heartbeat_that_stays_away_counts(tmp_path: Path) -> None:
    segment, now_s = tmp_path / "gate", 0.0
    writer = Writer.open(
        segment, capacity=64, prefix="tos_", peppers=[bytes(32)], failure_rate=60, failure_burst=100, allow_stale=False
    )
    sign(segment)
    vigil = Vigil(segment, 1.0, lambda: now_s)

    def hung_at(time_s: float) -> bool:
        nonlocal now_s
        now_s = time_s
        return vigil.look() is not None

    for step in range(40):
        writer.beat()
        assert not hung_at(step / 10)
    quiet = [step / 10 for step in range(40, 60) if hung_at(step / 10)]
    assert quiet[0] == pytest.approx(4.9, abs=0.15)
    # Not to have looked for long means perhaps that everything was frozen.
    assert not hung_at(60)
    writer.close()
