"""Programs of the installed package, as a service manager starts them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STARTED_S = 60.0


class Program:
    """One program: what it logs, and what it tells its service manager."""

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        self.log = folder / f"{time.monotonic_ns()}.log"
        address = self.log.with_suffix(".notify")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Sockets have short paths; that of the folder may be too long.
        self._manager.bind(f"\0{address.name}-{os.getpid()}")
        self._manager.settimeout(STARTED_S)
        notify = {"NOTIFY_SOCKET": f"@{address.name}-{os.getpid()}"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KEYSTILE_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env={**clean, **environment, **notify},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def told(self) -> str:
        """The next message to the service manager; fails with the log if none comes."""
        try:
            return self._manager.recv(1_000).decode()
        except TimeoutError:
            raise AssertionError(self.log.read_text()) from None

    def says(self, pattern: str) -> str:
        """Wait until the log has this; what its first group is."""
        deadline_s = time.monotonic() + STARTED_S
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline_s, self.log.read_text()
            time.sleep(0.02)
        return found[1]

    def stop(self) -> int:
        """End it in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STARTED_S)
        self._manager.settimeout(0.1)
        return status


@contextmanager
def running(command: Sequence[str | Path], folder: Path, **environment: str) -> Iterator[Program]:
    """A program that does not outlive the block."""
    program = Program(command, folder, environment)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.stop()
