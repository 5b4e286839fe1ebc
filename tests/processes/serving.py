"""A real `keystile serve` to start, watch and kill; and a look at every process that it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from keystile.settings import Settings, segment_path

PROGRAM = [sys.executable, "-c", "from keystile.cli.main import main; main()"]
START_S = 60.0
STOP_S = 40.0


def eventually(condition: Callable[[], bool], what: str, longest_s: float = STOP_S) -> None:
    """Wait until the condition holds; fail with `what` after `longest_s` seconds."""
    deadline_s = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < deadline_s, f"it did not happen in time: {what}"
        time.sleep(0.02)


def run(*args: str, data: Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
    """Run one command to its end, as a person would."""
    return subprocess.run(
        [*PROGRAM, *args, "--data", str(data)],
        input=input or "",
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def parents() -> dict[int, int]:
    """Every living process and its parent; one that ended and waits to be reaped does not count."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except (OSError, IndexError):
                continue
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


class Serve:
    """`keystile serve` in a process group of its own, as a shell starts it."""

    def __init__(self, data: Path, *args: str) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", "0", "--data", str(data), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.url = ""

    def started(self) -> Serve:
        """Wait until it says that it is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return "Ctrl-C stops it." in self.log.read_text()

        eventually(ready, f"serve is ready\n{self.log.read_text()}", START_S)
        self.url = re.findall(r"Hub +(http://\S+)", self.log.read_text())[-1]
        return self

    def http(self) -> httpx.Client:
        """A client with the operator's key."""
        key = (self.data / "operator.key").read_text().strip()
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=10)

    def family(self) -> set[int]:
        """Every process below it, at whatever depth."""
        tree = parents()
        family: set[int] = set()
        grown = {self.process.pid}
        while grown:
            family |= grown
            grown = {pid for pid, parent in tree.items() if parent in family} - family
        return family - {self.process.pid}

    def workers(self) -> set[int]:
        """The worker processes."""
        return {pid for pid in self.family() if b"keystile.hub.worker" in command_line(pid)}

    def agents(self) -> set[int]:
        """The agent's process."""
        return {pid for pid in self.family() if b"keystile.agent.process" in command_line(pid)}

    def servers(self) -> set[int]:
        """The database servers themselves, not their children."""
        others = self.workers() | self.agents()
        return {pid for pid, parent in parents().items() if parent == self.process.pid and pid not in others}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and wait; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def kill_group(self) -> None:
        """kill -9 for the whole process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_S)


def forget_segment(data: Path) -> None:
    """A segment outlives its servers on purpose; those of a test would fill the machine's memory."""
    segment = segment_path(Settings(data=data))
    segment.unlink(missing_ok=True)
    segment.with_name(segment.name + ".lock").unlink(missing_ok=True)


def command_line(pid: int) -> bytes:
    """The arguments of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
