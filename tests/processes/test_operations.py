"""What operators do to a running server: stop it under load, lose a worker, back it up and restore it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.processes.serving import Serve, eventually
from tests.processes.serving import run as run_command

Start = Callable[..., Serve]
THREADS = 4


class Load:
    """Requests over a few connections that are made anew when they end; every answer is noted."""

    def __init__(self, url: str, secret: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._hammer) for _ in range(THREADS)]
        self.answered = 0
        self.unanswered = 0
        self.cut = 0
        """Answers that began and did not end."""
        self.statuses: set[int] = set()
        self._lock = threading.Lock()

    def _hammer(self) -> None:
        while not self._ending.is_set():
            client = http.client.HTTPConnection(self._host, timeout=20)
            try:
                while not self._ending.is_set():
                    client.request("GET", "/api/tickets", headers=self._headers)
                    answer = client.getresponse()
                    answer.read()
                    with self._lock:
                        self.answered += 1
                        self.statuses.add(answer.status)
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.unanswered += 1
                    self.cut += isinstance(error, http.client.IncompleteRead)
                time.sleep(0.01)
            finally:
                client.close()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def running(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            eventually(lambda: self.answered > 200, "the load is running")
            yield self
        finally:
            self.end()


def new_key(one: Serve) -> tuple[str, str]:
    wanted = {"name": "Test", "scopes": ["PSA"], "tier": "Enterprise"}
    with one.http() as client:
        answer = client.post("/v1/keys", json=wanted)
    return answer.json()["key"]["id"], answer.json()["secret"]


def total(one: Serve, key_id: str) -> int:
    with one.http() as client:
        return int(client.get(f"/v1/keys/{key_id}/usage").json()["total_requests"])


def told(one: Serve, *names: str) -> float:
    """The sum of these metrics, as one of the workers tells them; on a connection of its own, so any may answer."""
    lines = httpx.get(f"{one.url}/metrics", timeout=10).text.splitlines()
    return sum(float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name in names)


def decide(one: Serve, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{one.url}/api/tickets", headers=headers, timeout=10).status_code


def test_stopped_under_load_every_decision_was_answered_and_counted(serve: Start) -> None:
    one = serve("--demo", "--workers", "2").started()
    key_id, secret = new_key(one)
    with Load(one.url, secret).running() as load:
        assert one.stop() == 0
    assert load.statuses <= {200, 429}
    assert load.cut == 0
    again = serve("--demo", data=one.data).started()
    # Whatever was decided was answered: the requests that were cut off had not been looked at.
    assert total(again, key_id) == load.answered


def test_a_worker_killed_under_load_costs_only_what_it_was_answering(serve: Start) -> None:
    one = serve("--demo", "--workers", "2").started()
    key_id, secret = new_key(one)
    with Load(one.url, secret).running() as load:
        before = one.workers()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(one.workers() - {victim}) == 2, "another worker has taken its place")
        assert before - {victim} < one.workers(), "the other one is still there"
        answered = load.answered
        eventually(lambda: load.answered > answered + 200, "the load goes on")
    assert load.unanswered <= THREADS
    assert load.statuses <= {200, 429}
    eventually(lambda: total(one, key_id) >= load.answered, "all that was answered is counted", 10)
    eventually(lambda: told(one, "keystile_hub_workers") == 2, "both workers tell what they do", 10)
    # The dead one's decisions are among those that any other worker tells of.
    for _ in range(4):
        assert told(one, 'keystile_decisions_total{code="ok"}', 'keystile_decisions_total{code="rate_limited"}') >= (
            load.answered
        )
    assert one.stop() == 0
    again = serve("--demo", data=one.data).started()
    assert load.answered <= total(again, key_id) <= load.answered + load.unanswered


def test_a_backup_and_a_restore(serve: Start, tmp_path: Path) -> None:
    one = serve("--demo").started()
    (leaked_id, leaked), (used_id, used) = new_key(one), new_key(one)
    assert (decide(one, leaked), decide(one, used)) == (200, 200)
    file = tmp_path / "keystile.dump"
    written = run_command("db", "backup", str(file), "--json", data=one.data)
    assert written.returncode == 0, written.stderr
    assert json.loads(written.stdout) == {"file": str(file), "bytes": file.stat().st_size}
    assert "pepper" in written.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (leaked, used, (one.data / "pepper").read_text().strip(), (one.data / "operator.key").read_text()):
        assert secret.strip().encode() not in file.read_bytes()
    twice = run_command("db", "backup", str(file), data=one.data)
    assert (twice.returncode, "not overwritten" in twice.stderr) == (1, True)

    with one.http() as client:
        assert client.post(f"/v1/keys/{leaked_id}/revoke", json={}).status_code == 200
    late_id, late = new_key(one)
    assert [decide(one, used) for _ in range(3)] == [200] * 3
    busy = run_command("db", "restore", str(file), data=one.data)
    assert (busy.returncode, "already in use" in busy.stderr) == (1, True)
    assert one.stop() == 0

    restored = run_command("db", "restore", str(file), "--json", data=one.data)
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["revoked_again"] == [leaked_id]
    assert leaked_id in restored.stderr

    again = serve("--demo", data=one.data).started()
    assert (decide(again, leaked), decide(again, used), decide(again, late)) == (401, 200, 401)
    with again.http() as client:
        assert client.get(f"/v1/keys/{leaked_id}").json()["status"] == "revoked"
        assert client.get(f"/v1/keys/{late_id}").status_code == 404
    # The segment outlived the restore, and brings back what the backup did not have.
    eventually(lambda: total(again, used_id) == 5, "all five requests are counted", 10)

    assert again.stop() == 0
    nonsense = tmp_path / "nonsense.dump"
    nonsense.write_bytes(file.read_bytes()[:-500])
    refused = run_command("db", "restore", str(nonsense), data=one.data)
    assert (refused.returncode, "nonsense.dump" in refused.stderr) == (1, True)
    assert decide(serve("--demo", data=one.data).started(), used) == 200
