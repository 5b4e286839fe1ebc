"""Real proxies with the files of `deploy` as they stand: addresses are put in, and a longer time limit for Envoy."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.processes.serving import eventually
from tests.proxies.programs import executable

DEPLOY = Path(__file__).parents[2] / "deploy"
ODD = Path(__file__).with_name("odd.conf")
START_S = 30.0

# The addresses that every file has, as the documents say: the proxy's own, Keystile's, the application's, and
# where Keystile hears how requests ended.
OWN, HUB, APPLICATION, OUTCOMES = "8000", "8080", "9000", "8514"
OUTCOMES_FILE = "/var/log/envoy/keystile.log"

_NGINX = """\
{user}
daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr notice;
events {{ }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include keystile.conf;
    include outcomes.conf;
    include site.conf;
    include odd.conf;
}}
"""
_CADDY = """\
{
	admin off
	import outcomes.caddyfile
}
import keystile.caddyfile
import site.caddyfile
"""


class Hearing(NamedTuple):
    """Where Keystile hears how requests ended: host and port, and a file."""

    address: str
    file: Path


class Proxy(NamedTuple):
    """One that runs."""

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]


def nginx(folder: Path) -> list[str]:
    """Its command, and what it needs besides."""
    user = "user root;" if os.geteuid() == 0 else ""  # it would give up its rights, and the folder is ours alone
    (folder / "nginx.conf").write_text(_NGINX.format(user=user))
    return [str(executable("nginx")), "-p", str(folder), "-c", "nginx.conf"]


def caddy(folder: Path) -> list[str]:
    """The same for Caddy."""
    (folder / "Caddyfile").write_text(_CADDY)
    return [str(executable("caddy")), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


def envoy(folder: Path) -> list[str]:
    """The same for Envoy. Its limit of 200 ms is for a machine that does nothing else."""
    file = folder / "envoy.yaml"
    file.write_text(re.sub(r"timeout: 0\.2s", "timeout: 2s", file.read_text()))
    return [
        str(executable("envoy")),
        "-c",
        "envoy.yaml",
        "--use-dynamic-base-id",
        "--concurrency",
        "2",
        "-l",
        "warning",
        "--file-flush-interval-msec",
        "200",
    ]


def haproxy(folder: Path) -> list[str]:
    """The same for HAProxy."""
    return [str(executable("haproxy")), "-db", "-f", "haproxy.cfg"]


PROXIES: dict[str, Callable[[Path], list[str]]] = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy, "envoy": envoy}


def _addressed(text: str, ports: dict[str, str]) -> str:
    """With the ports where the documents say that they stand, and a name of its own for HAProxy's inner listener."""
    text = text.replace("abns@keystile", f"abns@keystile-{ports[OWN]}")
    return re.sub(
        r"(127\.0\.0\.1:|port_value: )(8000|8080|9000|8514)\b", lambda found: found[1] + ports[found[2]], text
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def standing(
    name: str,
    folder: Path,
    *,
    hub: str,
    application: str,
    hearing: Hearing,
    change: Callable[[Path], object] = bool,
) -> Iterator[Proxy]:
    """A proxy in front of an application, which asks a Hub; both by host and port. `change` may alter its files."""
    port = _free_port()
    shutil.copytree(DEPLOY / name, folder)
    if name == "nginx":
        shutil.copy(ODD, folder)
    others = {HUB: hub, APPLICATION: application, OUTCOMES: hearing.address}
    ports = {OWN: str(port)} | {usual: address.rpartition(":")[2] for usual, address in others.items()}
    for file in (path for path in folder.rglob("*") if path.is_file()):
        file.write_text(_addressed(file.read_text(), ports).replace(OUTCOMES_FILE, str(hearing.file)))
    change(folder)
    command, log = PROXIES[name](folder), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "HOME": str(folder)}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, process_group=0,
        )  # fmt: skip
    try:
        eventually(lambda: _listens(port, process, log), f"{name} listens\n{log.read_text()}", START_S)
        yield Proxy(name, port, log, process)
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
