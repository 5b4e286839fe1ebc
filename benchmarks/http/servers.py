"""Server processes for the time of a benchmark."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.http.apps import PATHS
from benchmarks.http.load import load
from benchmarks.worlds import Standing

_START_S = 30.0


class Server:
    """One application behind uvicorn, in a process of its own."""

    def __init__(self, name: str, world: Standing) -> None:
        self.name = name
        self._request = (
            f"GET {PATHS.get(name, '/')} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n"
            f"authorization: Bearer {world.secret.decode()}\r\n\r\n"
        ).encode()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(256)
            self._address: tuple[str, int] = listener.getsockname()
            command = [sys.executable, "-m", "benchmarks.http.serve", name, str(world.path), str(listener.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[listener.fileno()])

    def rate(self, seconds: float) -> float:
        """Requests a second that it answers."""
        return load(self._address, self._request, seconds=seconds)

    def cpu_s(self) -> float:
        """Processor time that it has used: what other programs of the machine do is not in it."""
        nanoseconds = Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]
        return int(nanoseconds) / 1e9

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                if self.rate(0.2) > 0:
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(_START_S)


@contextmanager
def serving(names: Iterable[str], world: Standing) -> Iterator[list[Server]]:
    """All of these, ready."""
    servers: list[Server] = []
    try:
        servers.extend(Server(name, world) for name in names)
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.stop()
