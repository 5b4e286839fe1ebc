"""The agent dies or hangs: another takes its place, and whoever decides notices nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from keystile import Gate
from keystile.agent import holder
from keystile.agent.agent import Agent
from keystile.agent.holder import holder_of
from keystile.agent.vigil import Vigil
from keystile.errors import GateError
from keystile.settings import Settings, segment_path
from keystile.store import quarantine
from keystile.store.pool import Connection
from tests.processes.serving import PROGRAM, Serve, eventually, run

Start = Callable[..., Serve]
STALE_AFTER_S = 5.0


@pytest.fixture(autouse=True)
def stale_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_STALE_AFTER_MS", str(int(STALE_AFTER_S * 1_000)))


class Watch:
    """Decides on one secret all the time, as an application does that is only attached to the gate."""

    def __init__(self, segment: Path, secret: str) -> None:
        self.gate = Gate.attach(segment)
        self.codes: set[str] = set()
        self.checks = 0
        self._secret = secret
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(0.005):
            self.codes.add(self.gate.check(self._secret).code)
            self.checks += 1


def segment_of(server: Serve) -> Path:
    return segment_path(Settings(data=server.data))


def issued(server: Serve) -> tuple[str, str]:
    with server.http() as http:
        wanted = {"name": "Test", "scopes": ["PSA"], "tier": "Enterprise"}
        answer = http.post("/v1/keys", json=wanted).json()
    return answer["key"]["id"], answer["secret"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_serve_replaces_its_agent_and_no_request_is_refused(
    serve: Start, number: signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    server = serve("--demo").started()
    key_id, secret = issued(server)
    (old,) = server.agents()
    statuses: list[int] = []
    with Watch(segment_of(server), secret) as watch, httpx.Client(base_url=server.url) as client:
        bearer = {"Authorization": f"Bearer {secret}"}
        os.kill(old, number)
        struck_s = time.monotonic()
        beaten = watch.gate.heartbeat_ns

        def replaced() -> bool:
            statuses.append(client.get("/api/tickets", headers=bearer).status_code)
            found = holder_of(segment_of(server))
            return found is not None and found.pid != old and watch.gate.heartbeat_ns > beaten

        eventually(replaced, "another agent writes", 20)
        took_s = time.monotonic() - struck_s
        # Past the lease that the old one gave: only a new one lets the gate decide now.
        eventually(lambda: time.monotonic() > struck_s + STALE_AFTER_S + 0.5, "the old lease is over")
        statuses.append(client.get("/api/tickets", headers=bearer).status_code)
    record_property(f"takeover after {number.name}, ms", round(took_s * 1_000))
    assert took_s < STALE_AFTER_S
    assert watch.codes <= {"ok", "rate_limited"}, "an application that is only attached has noticed nothing"
    assert set(statuses) <= {200, 429}
    assert not Path(f"/proc/{old}").exists()
    with server.http() as http:
        counted = watch.checks + len(statuses)
        eventually(
            lambda: http.get(f"/v1/keys/{key_id}/usage").json()["total_requests"] == counted, f"{counted} counted", 20
        )


@pytest.fixture
def lone_agent(serve: Start, tmp_path: Path) -> Iterator[tuple[Serve, subprocess.Popen[bytes], Path]]:
    """A server, and on "another machine" an agent of its own, whose gate can decide."""
    server, segment = serve().started(), tmp_path / "far"
    process = subprocess.Popen(
        [*PROGRAM, "agent", "--data", str(server.data)],
        env={**os.environ, "KEYSTILE_SEGMENT": str(segment)},
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: is_fresh(segment), "the gate is fresh")
    yield server, process, segment
    process.kill()
    process.wait()


def is_fresh(segment: Path) -> bool:
    with contextlib.suppress(GateError):
        return Gate.attach(segment).fresh
    return False


@contextlib.asynccontextmanager
async def waiting_agent(server: Serve, segment: Path) -> contextlib.AsyncIterator[asyncio.Task[None]]:
    """A second agent for the same gate, in this process."""
    host = server.data / "postgres"
    url = f"postgresql://keystile@/keystile?host={host}&port=5432"
    settings = Settings(data=server.data, database_url=url, segment=segment, stale_after_ms=int(STALE_AFTER_S * 1_000))
    task = asyncio.create_task(Agent(settings, url).run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_an_agent_that_hangs_is_ended_by_the_one_that_waits(
    lone_agent: tuple[Serve, subprocess.Popen[bytes], Path], record_property: Callable[[str, object], None]
) -> None:
    server, process, segment = lone_agent
    _, secret = await asyncio.to_thread(issued, server)
    async with waiting_agent(server, segment):
        await asyncio.sleep(STALE_AFTER_S / 2)
        assert process.poll() is None, "one that runs is left alone"
        with Watch(segment, secret) as watch:
            process.send_signal(signal.SIGSTOP)
            struck_s = time.monotonic()
            assert await asyncio.to_thread(process.wait, 20) == -signal.SIGKILL
            record_property("a hung agent is ended after, ms", round((time.monotonic() - struck_s) * 1_000))
            await asyncio.sleep(STALE_AFTER_S + 0.5)
            assert watch.gate.fresh
    assert watch.codes <= {"ok", "rate_limited", "unknown_key"}
    assert "ok" in watch.codes


async def test_without_the_vigil_the_gate_goes_stale(
    lone_agent: tuple[Serve, subprocess.Popen[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test: the same with the mechanism taken out."""
    monkeypatch.setattr(Vigil, "look", lambda _: None)
    server, process, segment = lone_agent
    async with waiting_agent(server, segment):
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STALE_AFTER_S + 0.5)
        assert process.poll() is None
        assert not is_fresh(segment)


async def test_one_that_is_not_ours_to_end_is_waited_for(
    lone_agent: tuple[Serve, subprocess.Popen[bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(holder.signal, "pidfd_send_signal", refuse)
    server, process, segment = lone_agent
    async with waiting_agent(server, segment):
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STALE_AFTER_S + 0.5)
        assert not is_fresh(segment)
        assert [record.levelname for record in caplog.records if "not ours to end" in record.message] == ["ERROR"]
        process.send_signal(signal.SIGCONT)
        while not is_fresh(segment):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
        process.kill()
        process.wait()
        await asyncio.sleep(STALE_AFTER_S + 0.5)
        assert is_fresh(segment), "the waiting one has taken over"


def test_a_worker_that_hangs_delays_no_revocation(serve: Start) -> None:
    server = serve("--demo", "--workers", "2").started()
    key_id, secret = issued(server)
    gate = Gate.attach(segment_of(server))
    assert gate.check(secret)
    stopped = min(server.workers())
    os.kill(stopped, signal.SIGSTOP)
    try:
        started_s = time.monotonic()
        revoked = subprocess.run(
            [*PROGRAM, "keys", "revoke", key_id, "--wait", "--data", str(server.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "no gate decides without this" in revoked.stderr
        assert gate.check(secret).code == "revoked_key"
        assert gate.fresh
        assert time.monotonic() - started_s < 60
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_an_agent_that_cannot_start_ends_serve_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exposed = tmp_path / "exposed"
    exposed.mkdir()
    exposed.chmod(0o777)
    monkeypatch.setenv("KEYSTILE_SEGMENT", str(exposed / "gate"))
    ended = run("serve", "--port", "0", data=tmp_path / "data")
    assert ended.returncode == 1
    assert "other users can exchange files in this folder" in ended.stderr
    assert "the agent cannot start" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_serve_starts_in_quarantine_and_says_so(
    serve: Start, database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYSTILE_DATABASE_URL", database_url)
    await quarantine.begin(conn)
    server = await asyncio.to_thread(serve().started)
    assert "in quarantine" in server.log.read_text()
    answer = await asyncio.to_thread(httpx.get, f"{server.url}/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "quarantined")
    await quarantine.lift(conn)
    await asyncio.to_thread(eventually, lambda: httpx.get(f"{server.url}/readyz").is_success, "it is ready")
