"""What clients try behind every proxy, and what happens when the Hub is not there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote

import pytest
import uvicorn

from keystile import mint
from keystile.hub.app import create_app
from keystile.hub.protocol import HubProtocol
from keystile.settings import Settings
from tests.proxies.application import Application
from tests.proxies.calling import LONGEST_S, Caller, Headers, bearer
from tests.proxies.relay import Relay
from tests.proxies.standing import PROXIES, Hearing, Proxy, standing
from tests.proxies.test_contract import Issue, refused

FORGED: Headers = [
    ("X-Keystile-Key-Id", "key_forged"),
    ("x-keystile-tenant", "forged"),
    ("X_Keystile_Key_Id", "key_forged"),
    ("X-Keystile_Tenant", "forged"),
    ("X_Keystile-Scopes", "Hub"),
]


def hostile(good: str, other: str) -> dict[str, Headers]:
    """Credentials that must be refused, though each has a good key in it."""
    one, two = bearer(good), bearer(other)
    bad = [("Authorization", "Bearer x")]
    return {
        "twice the same": one * 2,
        "two good ones": one + two,
        "a good one first": one + bad,
        "a good one last": bad + one,
        "an empty one first": [("Authorization", ""), *one],
        "an empty one last": [*one, ("authorization", "")],
        "of two spellings": [*one, ("AUTHORIZATION", f"Bearer {other}")],
        "joined": [("Authorization", f"Bearer {good}, Bearer {other}")],
        "by another name": [("X-Authorization", f"Bearer {good}"), ("Proxy-Authorization", f"Bearer {good}")],
        "with an underscore": [("X_Authorization", f"Bearer {good}")],
        "in a cookie": [("Cookie", f"key={good}")],
        "not to be passed on": [*one, ("Connection", "Authorization"), *bad],
        "very long": [("Authorization", f"Bearer {good}{'x' * 6000}")],
        "a space after": [("Authorization", f"Bearer {good}%20")],
        "basic": [("Authorization", f"Basic {good}")],
    }


def test_hostile_credentials_are_refused(proxy: Proxy, issue: Issue, app: Application) -> None:
    (_, good), (_, other) = issue(), issue()
    app.asked.clear()
    for what, headers in hostile(good, other).items():
        if what.startswith("an empty one") and proxy.name == "envoy":
            continue  # Envoy takes an empty value for none, and leaves one key
        answer = Caller(proxy.port).ask(f"/api/tickets?key={good}", headers)
        assert answer.status in {400, 401}, what
        # nginx refuses several by itself, and Envoy joins them and what has an underscore.
        if proxy.name in {"caddy", "haproxy"}:
            assert (answer.problem["code"] == "multiple_credentials") == (
                len(headers) > 1 and what != "by another name"
            )
    assert app.asked == []
    assert good not in proxy.log.read_text()


def test_nobody_says_who_he_is(caller: Caller, issue: Issue) -> None:
    key_id, secret = issue()
    # Proxies that drop what has an underscore, and those that refuse it.
    for forged in ([pair for pair in FORGED if "_" not in pair[0]], FORGED):
        answer = caller.ask(headers=[*forged, *bearer(secret)])
        if forged is FORGED and answer.status == 400:
            return
        assert answer.status == 200
        assert answer.got["x-keystile-key-id"] == key_id
        assert answer.got["x-keystile-tenant"] == "home"
        named = {name.replace("_", "-") for name in answer.got if "keystile" in name}
        assert len(named) == 4
        assert "forged" not in answer.body.decode()


def test_nobody_keeps_the_application_from_knowing_who_he_is(caller: Caller, issue: Issue) -> None:
    key_id, secret = issue()
    answer = caller.ask(headers=[("Connection", "X-Keystile-Key-Id, X-Keystile-Tenant, close"), *bearer(secret)])
    assert answer.status == 200
    assert (answer.got["x-keystile-key-id"], answer.got["x-keystile-tenant"]) == (key_id, "home")


def test_no_other_upgrade_than_a_websocket_reaches_the_application(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    more = [("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    for asked in ("h2c", "websocket, h2c", "TLS/1.0"):
        answer = caller.ask(headers=[*bearer(secret), *more, ("Upgrade", asked)])
        # Refused, as by Envoy, or a request like any other.
        assert answer.status in {400, 403} or (answer.status == 200 and "upgrade" not in answer.got), (asked, answer)


def test_nobody_chooses_the_scope(caller: Caller, issue: Issue) -> None:
    _, books = issue(scopes=["Books"])
    for target in ("/api/tickets?scope=Books", "/api/tickets/scope=Books?scope=Books&scope=PSA", "/api/tickets:Books"):
        answer = caller.ask(
            target, [*bearer(books), ("X-Keystile-Scope", "Books"), ("X-Original-Uri", "/?scope=Books")]
        )
        refused(answer, 403, "insufficient_scope")


def test_no_other_spelling_of_a_path_is_open(caller: Caller, app: Application) -> None:
    targets = [
        "/open/../api/tickets",
        "/open/%2e%2e/api/tickets",
        "/./api/tickets",
        "//api/tickets",
        "/api//tickets",
        "/api/%74ickets",
        "/%61pi/tickets",
        "/api%2Ftickets",
        "/open/..%2fapi/tickets",
        "/api/x/../tickets",
    ]
    app.asked.clear()
    for target in targets:
        caller.ask(target)
    # As an application takes it that makes the most of it.
    assert [path for path in app.asked if normpath("/" + unquote(path).lstrip("/")) == "/api/tickets"] == []


@pytest.fixture
def without_hub(relay: Relay) -> Iterator[Relay]:
    """The relay, which is as before afterwards."""
    yield relay
    relay.back()


@pytest.fixture
def stale(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of a Hub on a machine without a gate."""
    segment, database = tmp_path / "absent.segment", f"postgresql://nobody@/none?host={tmp_path}"
    app = create_app(Settings(data=tmp_path, segment=segment, database_url=database, pepper="07" * 32))
    config = uvicorn.Config(app, http=HubProtocol, ws="none", lifespan="off", server_header=False, log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


def test_without_the_hub_nothing_passes_and_with_it_everything_again(
    running: Callable[[str], Proxy], issue: Issue, app: Application, without_hub: Relay, stale: tuple[str, int]
) -> None:
    _, secret = issue()
    callers = [Caller(running(name).port) for name in PROXIES]

    def without(caller: Caller) -> None:
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda headers: caller.ask(headers=headers), (bearer(secret), bearer(mint()), [])))
        for answer in answers:
            assert refused(answer, 503, "gate_stale").headers["retry-after"] == "1"

    def again(caller: Caller) -> None:
        deadline_s = time.monotonic() + LONGEST_S
        while (answer := caller.ask(headers=bearer(secret))).status != 200:
            refused(answer, 503, "gate_stale")
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    with ThreadPoolExecutor(len(callers)) as pool:
        list(pool.map(again, callers))
        for go_away in (without_hub.gone, without_hub.hang, lambda: without_hub.lead_to(stale)):
            app.asked.clear()
            go_away()
            list(pool.map(without, callers))
            assert app.asked == []
            without_hub.back()
            list(pool.map(again, callers))


def test_a_mistake_in_the_lua_file_lets_nothing_pass(
    tmp_path: Path, issue: Issue, app: Application, relay: Relay, hearing: Hearing
) -> None:
    def spoil(folder: Path) -> None:
        file = folder / "keystile.lua"
        file.write_text(file.read_text().replace("local answer = ask(txn)", "local answer = ask(nil)"))

    _, secret = issue()
    more = {"hub": relay.address, "application": app.address, "hearing": hearing, "change": spoil}
    with standing("haproxy", tmp_path / "run", **more) as proxy:
        app.asked.clear()
        refused(Caller(proxy.port).ask(headers=bearer(secret)), 503, "gate_stale")
        assert app.asked == []
