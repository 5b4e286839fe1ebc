"""Programs of the documentation under real servers with two workers: they admit together what one would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from keystile import Gate
from tests.docs.examples import programs
from tests.unit.gates import SCOPES, UNLIMITED, put_key

BURST = 20
START_S = 60.0

MARKED_ASGI = """
import os
from example import app as inner

async def app(scope, receive, send):
    async def marked(message):
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-worker", str(os.getpid()).encode())]
        await send(message)
    await inner(scope, receive, marked)
"""
MARKED_WSGI = """
import os
from example import app as inner

def app(environ, start_response):
    def marked(status, headers, *more):
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *more)
    return inner(environ, marked)
"""


def uvicorn(fd: int) -> list[str]:
    return ["-m", "uvicorn", "marked:app", "--workers", "2", "--fd", str(fd)]


def gunicorn(fd: int) -> list[str]:
    threads = ["--worker-class", "gthread", "--threads", "4", "--keep-alive", "30"]
    return ["-m", "gunicorn", "marked:app", "--workers", "2", *threads, "--bind", f"fd://{fd}"]


@contextmanager
def running(command: Callable[[int], list[str]], folder: Path, gate: Gate) -> Iterator[str]:
    """A server with two workers on a socket that listens already, so nobody need wait for it; its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *command(listener.fileno())],
            pass_fds=[listener.fileno()],
            cwd=folder,
            env={**os.environ, "KEYSTILE_SEGMENT": str(gate.path), "PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(START_S)


def one_for_each_worker(url: str, secret: str) -> dict[str, httpx.Client]:
    """Connections that stay open, one to each of the two workers."""
    found: dict[str, httpx.Client] = {}
    for _ in range(500):
        client = httpx.Client(base_url=url, timeout=START_S)
        answer = client.get("/tickets", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
        if found.setdefault(answer.headers["x-worker"], client) is not client:
            client.close()
        if len(found) == 2:
            return found
    raise AssertionError("one worker answers everything")


@pytest.mark.parametrize(
    ("page", "marked", "command"), [("fastapi.md", MARKED_ASGI, uvicorn), ("flask.md", MARKED_WSGI, gunicorn)]
)
def test_two_workers_share_one_limit(
    tmp_path: Path, page: str, marked: str, command: Callable[[int], list[str]]
) -> None:
    (tmp_path / "example.py").write_text(programs(page)[0])
    (tmp_path / "marked.py").write_text(marked)
    # One token a minute: none comes back while this runs.
    gate = Gate.open(tmp_path / "gate", scopes=SCOPES, tiers=[("Slow", 1, BURST), UNLIMITED], capacity=100)
    (_, limited), (_, unlimited) = put_key(gate, tier="Slow"), put_key(gate, tier="Unlimited")
    with running(command, tmp_path, gate) as url:
        clients = one_for_each_worker(url, unlimited)

        def ask_all(client: httpx.Client) -> list[tuple[str, int]]:
            headers = {"Authorization": f"Bearer {limited}"}
            answers = [client.get("/tickets", headers=headers) for _ in range(BURST)]
            assert all("ratelimit" in answer.headers for answer in answers)
            return [(answer.headers["x-worker"], answer.status_code) for answer in answers]

        good = ("Authorization", f"Bearer {unlimited}")
        for client in clients.values():
            assert client.get("/tickets", headers=[good, good]).status_code in {400, 401}
        with ThreadPoolExecutor(2) as pool:
            answered = [one for many in pool.map(ask_all, clients.values()) for one in many]
        for client in clients.values():
            client.close()
    assert Counter(status for _, status in answered) == {200: BURST, 429: BURST}
    assert {worker for worker, _ in answered} == set(clients)
