"""One Hub with two workers for all proxies, and each of them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.processes.serving import Serve, eventually, forget_segment
from tests.proxies import application
from tests.proxies.application import Application
from tests.proxies.calling import Caller
from tests.proxies.relay import Relay
from tests.proxies.standing import PROXIES, Hearing, Proxy, standing

# `trusted_proxies`: the proxies are on this machine, and their clients come from other addresses of it.
SETTINGS = """\
trusted_proxies = ["127.0.0.1/32"]
failure_burst = 20
failure_rate = 1
flush_interval_ms = 200
outcomes_listen = "127.0.0.1:0"
outcomes_files = ["outcomes.log"]
tiers = [
  { name = "Standard", rate = 60, burst = 1000 },
  { name = "Hasty", rate = 60, burst = 1 },
  { name = "Slow", rate = 1, burst = 20 },
  { name = "Largest", rate = 1000000, burst = 1000000 },
]
"""


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`keystile serve`."""
    data = tmp_path_factory.mktemp("hub") / "data"
    (data.parent / "keystile.toml").write_text(SETTINGS)
    one = Serve(data, "--workers", "2", "--config", str(data.parent / "keystile.toml"))
    try:
        yield one.started()
    finally:
        one.kill_group()
        forget_segment(data)


@pytest.fixture(scope="session")
def hearing(hub: Serve) -> Hearing:
    """Where its agent hears how requests ended."""

    def found() -> list[str]:
        return re.findall(r"outcomes are heard on 127\.0\.0\.1 port (\d+)", hub.log.read_text())

    eventually(lambda: bool(found()), "the agent says where it hears outcomes")
    return Hearing(f"127.0.0.1:{found()[-1]}", hub.data.parent / "outcomes.log")


@pytest.fixture(scope="session")
def issue(hub: Serve) -> Iterator[Callable[..., tuple[str, str]]]:
    """Issues a key; its id and its secret."""
    with hub.http() as client:

        def issue(**fields: object) -> tuple[str, str]:
            made = client.post("/v1/keys", json={"name": "A test", "scopes": ["PSA"], **fields})
            assert made.status_code == 201, made.text
            return made.json()["key"]["id"], made.json()["secret"]

        yield issue


@pytest.fixture(scope="session")
def app() -> Iterator[Application]:
    """What stands behind the proxies."""
    with application.serving() as one:
        yield one


@pytest.fixture(scope="session")
def relay(hub: Serve) -> Iterator[Relay]:
    """Between the proxies and the Hub."""
    address = urlsplit(hub.url)
    assert address.hostname
    assert address.port
    one = Relay((address.hostname, address.port))
    yield one
    one.close()


@pytest.fixture(scope="session")
def running(
    relay: Relay, app: Application, hearing: Hearing, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Proxy]]:
    """The proxy of a name, started when it is asked for first."""
    found: dict[str, Proxy] = {}
    with ExitStack() as stack:

        def start(name: str) -> Proxy:
            if name not in found:
                folder = tmp_path_factory.mktemp(name) / "run"
                one = standing(name, folder, hub=relay.address, application=app.address, hearing=hearing)
                found[name] = stack.enter_context(one)
            return found[name]

        yield start


@pytest.fixture(params=PROXIES, scope="module")
def proxy(request: pytest.FixtureRequest, running: Callable[[str], Proxy]) -> Proxy:
    """Each proxy."""
    return running(request.param)


@pytest.fixture
def caller(proxy: Proxy) -> Caller:
    """A client from an address of its own."""
    return Caller(proxy.port)
