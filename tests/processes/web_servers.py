"""Real web servers with two workers that serve the applications of `tests/integration/frameworks`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

ROOT = Path(__file__).parents[2]
START_S = 60.0
_LOOK_S = 0.05

_MARKED_ASGI = """
import os
from {module} import {make}

inner = {make}()

async def app(scope, receive, send):
    async def marked(message):
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-worker", str(os.getpid()).encode())]
        await send(message)
    await inner(scope, receive, marked)
"""
_MARKED_WSGI = """
import os
from {module} import {make}

inner = {make}()

def app(environ, start_response):
    def marked(status, headers, *more):
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *more)
    return inner(environ, marked)
"""

_HERE = "tests.integration.frameworks"
PROGRAMS = {
    "fastapi": _MARKED_ASGI.format(module=f"{_HERE}.fastapi_application", make="fastapi_app"),
    "starlette": _MARKED_ASGI.format(module=f"{_HERE}.starlette_application", make="starlette_app"),
    "litestar": _MARKED_ASGI.format(module=f"{_HERE}.litestar_application", make="litestar_app"),
    "django-asgi": _MARKED_ASGI.format(module=f"{_HERE}.django_project", make="get_asgi_application"),
    "django-wsgi": _MARKED_WSGI.format(module=f"{_HERE}.django_project", make="get_wsgi_application"),
    "flask": _MARKED_WSGI.format(module=f"{_HERE}.flask_application", make="flask_app"),
}
"""By name: a module whose `app` says in each answer which worker it comes from."""


class Server(NamedTuple):
    """A server's arguments; it takes over a socket that listens already, by its number, or opens one at a port."""

    name: str
    arguments: Callable[[int], list[str]]
    inherits: bool = True


def _gunicorn(fd: int, *kind: str) -> list[str]:
    return ["gunicorn", "marked:app", "--workers", "2", "--keep-alive", "30", "--bind", f"fd://{fd}", *kind]


def _granian(port: int, interface: str) -> list[str]:
    return ["granian", "marked:app", "--workers", "2", "--interface", interface, "--port", str(port)]


UVICORN = Server("uvicorn", lambda fd: ["uvicorn", "marked:app", "--workers", "2", "--fd", str(fd)])
GUNICORN = Server("gunicorn", lambda fd: _gunicorn(fd, "--worker-class", "gthread", "--threads", "4"))
GUNICORN_ASGI = Server("gunicorn-uvicorn", lambda fd: _gunicorn(fd, "--worker-class", "uvicorn_worker.UvicornWorker"))
GRANIAN = Server("granian", lambda port: _granian(port, "wsgi"), inherits=False)
GRANIAN_ASGI = Server("granian-asgi", lambda port: _granian(port, "asginl"), inherits=False)


@contextmanager
def running(server: Server, framework: str, folder: Path, segment: Path) -> Iterator[str]:
    """The server with two workers that serve the framework's application, and its address."""
    (folder / "marked.py").write_text(PROGRAMS[framework])
    with socket.socket() as held, (folder / "log").open("w") as log:
        # A port of our own: a server that opens it itself shares it with us, who do not listen.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(not server.inherits))
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        if server.inherits:
            held.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-m", *server.arguments(held.fileno() if server.inherits else port)],
            pass_fds=[held.fileno()],
            cwd=folder,
            env={**os.environ, "KEYSTILE_SEGMENT": str(segment), "PYTHONPATH": f"{folder}:{ROOT}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
        try:
            _await_start(port, process)
            yield f"http://127.0.0.1:{port}"
        except BaseException as error:
            error.add_note((folder / "log").read_text())
            raise
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(START_S)


def _await_start(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens."""
    until_s = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None, "it ended"
            assert time.monotonic() < until_s, "nobody listens"
            time.sleep(_LOOK_S)
        else:
            return


def one_for_each_worker(url: str, secret: str) -> dict[str, httpx.Client]:
    """Connections that stay open, one to each of the two workers."""
    found: dict[str, httpx.Client] = {}
    for _ in range(500):
        client = httpx.Client(base_url=url, timeout=START_S)
        answer = client.get("/tickets", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200, answer.text
        if found.setdefault(answer.headers["x-worker"], client) is not client:
            client.close()
        if len(found) == 2:
            return found
    raise AssertionError("one worker answers everything")
