"""An import by the real programs: whatever is killed in the middle of it, and however often, each key is there once."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from keystile import Gate
from keystile.prometheus import GateCollector
from keystile.settings import Settings, segment_path
from tests.processes.serving import PROGRAM, Serve, eventually
from tests.processes.serving import run as run_command

KEYS = 8_000


def secret(number: int) -> str:
    return "sk_live_" + hashlib.sha256(f"process {number}".encode()).hexdigest()[:32]


def csv_file(folder: Path) -> Path:
    """Every key twice over, the second time far from the first."""
    file = folder / "keys.csv"
    rows = [f"Client {number},{secret(number)},PSA" for number in range(KEYS)]
    file.write_text("\n".join(["name,secret,scopes", *rows, *rows[: KEYS // 4], ""]))
    return file


def start(file: Path, serve: Serve) -> subprocess.Popen[bytes]:
    """An import that goes on by itself."""
    arguments = [*PROGRAM, "keys", "import", str(file), "--data", str(serve.data)]
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def known(serve: Serve) -> int:
    """How many keys this machine's gate knows, the operator's left out. `/metrics` may be a second old."""
    registry = CollectorRegistry()
    registry.register(GateCollector(Gate.attach(segment_path(Settings(data=serve.data)))))
    return int(registry.get_sample_value("keystile_keys") or 0) - 1


def present_everywhere(http: httpx.Client, text: str) -> None:
    """Show a secret that no filter could recognise wherever one may be shown, rightly or not."""
    wrong = (text, f"Bearer {text}x", f"Basic {text}", f"Bearer {text} {text}")
    for authorization in (f"Bearer {text}", *wrong):
        for path in ("/v1/keys", "/v1/authz?scope=PSA", "/v1/authz", f"/v1/keys/{text}", f"/{text}?key={text}"):
            http.get(path, headers={"Authorization": authorization})
    for body in ({"key": text}, {"key": text, text: text}, text):
        http.post("/v1/verify", json=body)
        http.post("/v1/keys", json=body)


def test_whatever_is_killed_each_key_is_there_once(serve: Callable[..., Serve], tmp_path: Path) -> None:
    server = serve().started()
    file = csv_file(tmp_path)
    first = start(file, server)
    eventually(lambda: known(server) > 0, "the import has begun")
    first.kill()
    first.wait()
    begun = known(server)
    assert 0 < begun < KEYS

    second = start(file, server)
    eventually(lambda: known(server) > begun, "the second goes on")
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    # It waits for the worker that takes the other one's place, and ends well.
    assert second.wait(120) == 0
    assert known(server) == KEYS

    third = run_command("--json", "keys", "import", str(file), data=server.data)
    assert third.returncode == 0, third.stderr
    assert '"imported": 0' in third.stdout
    assert f'"existed": {KEYS + KEYS // 4}' in third.stdout
    assert known(server) == KEYS
    checked = run_command("check", "--scope", "PSA", data=server.data, input=secret(KEYS - 1))
    assert checked.returncode == 0, checked.stderr
    with server.http() as http:
        present_everywhere(http, secret(0))
        assert secret(0) not in server.log.read_text() + third.stderr
        rows = http.get("/v1/audit", params={"action": "key.import", "limit": 200}).json()["items"]
    assert len({row["target"] for row in rows}) == 200
