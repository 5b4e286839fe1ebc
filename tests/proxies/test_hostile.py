"""What clients try behind every proxy, and what happens when the Hub is not there."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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


UNCLEAR = re.compile(r"//|[;#\\]|%(2[ef]|3b|5c)|/\.\.?(/|$)", re.IGNORECASE)
"""What of a path the one application reads otherwise than the other."""

SPELLINGS = [
    *("/public/../api/deals", "/public/%2e%2e/api/deals", "/public/.%2E/api/deals", "/public/x/../../api/deals"),
    *("/public/..%2fapi/deals", "/public/..%2F../api/deals", "/public%2f..%2fapi/deals", "/public/%2fapi/deals"),
    *("/public/..;/api/deals", "/public/..;x=y/api/deals", "/public/%2e%2e;/api/deals", "/public/..%3b/api/deals"),
    *("/public\\..\\api\\deals", "/public/..\\api/deals", "/public/..%5capi/deals", "/public/..%5Capi/deals"),
    *("/public/#/../../api/deals", "/public/;/../../api/deals", "/public//../../api/deals", "//public/../api/deals"),
    *("/./api/deals", "//api/deals", "/api//deals", "/api/./deals", "/api/x/../deals", "/api%2Fdeals", "/api\\deals"),
    *("/api/%64eals", "/%61pi/deals", "/API/Deals", "/api/DEALS/1", "/API/%44EALS", "/api/dealS?x=/public/"),
    *("/api;x/deals", "/api;x=y/deals/1", "/api/;/deals", "/api/;x/deals", "/api%3bx/deals", "/;/api/deals"),
    *("/api/tickets/../deals/1", "/api/tickets/..;/deals", "/api/tickets/%2e%2e/deals", "/api/tickets/..\\deals"),
    *("/api/deals/.", "/api/deals/..", "/api/deals/../../x"),
    *("/api/deals/../../public/x", "/api/deals/..;/..;/public/x"),
]
"""Of the path /api/deals, which needs the scope CRM, as some application may take them; and from it elsewhere."""


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


def test_on_an_open_path_nobody_says_who_he_is_either(caller: Caller) -> None:
    for forged in ([pair for pair in FORGED if "_" not in pair[0]], FORGED):
        answer = caller.ask("/public/", [*forged, ("Authorization", "Basic eA==")])
        if forged is FORGED and answer.status == 400:
            return
        assert answer.status == 200
        assert not {name for name in answer.got if "keystile" in name}


def test_nobody_keeps_the_application_from_knowing_who_he_is(caller: Caller, issue: Issue) -> None:
    key_id, secret = issue()
    answer = caller.ask(headers=[("Connection", "X-Keystile-Key-Id, X-Keystile-Tenant, close"), *bearer(secret)])
    assert answer.status == 200
    assert (answer.got["x-keystile-key-id"], answer.got["x-keystile-tenant"]) == (key_id, "home")


def test_no_other_upgrade_than_a_websocket_reaches_the_application(
    caller: Caller, issue: Issue, app: Application
) -> None:
    _, secret = issue()
    more = [("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    # Without these a proxy may refuse a WebSocket for another reason.
    more += [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    app.upgrades.clear()
    lines = (["h2c"], ["websocket, h2c"], ["h2c, websocket"], ["websocket", "h2c"], ["h2c", "websocket"], ["TLS/1.0"])
    for target, key in (("/api/tickets", bearer(secret)), ("/public/", [])):
        for asked in lines:
            answer = caller.ask(target, [*key, *more, *(("Upgrade", one) for one in asked)])
            # Refused, as by Envoy, or a request like any other, or of two lines the first, which may pass.
            passed = {200, 101} if asked[0] == "websocket" else {200}
            assert answer.status in {400, 403} | passed, (asked, answer)
    assert [got for got in app.upgrades if got not in ([], ["websocket"])] == []


def test_nobody_chooses_the_scope(caller: Caller, issue: Issue) -> None:
    _, books = issue(scopes=["Books"])
    for target in ("/api/tickets?scope=Books", "/api/tickets/scope=Books?scope=Books&scope=PSA", "/api/tickets:Books"):
        answer = caller.ask(
            target, [*bearer(books), ("X-Keystile-Scope", "Books"), ("X-Original-Uri", "/?scope=Books")]
        )
        refused(answer, 403, "insufficient_scope")


def test_no_other_spelling_of_a_path_is_open(caller: Caller, app: Application) -> None:
    app.asked.clear()
    for target in SPELLINGS:
        caller.ask(target)
    # Judged by what was written to the application, which may read it in any way.
    assert [
        path for path in app.asked if UNCLEAR.search(path.partition("?")[0]) or not path.startswith("/public/")
    ] == []


def test_no_other_spelling_of_a_path_has_another_scope(caller: Caller, issue: Issue, app: Application) -> None:
    (_, tickets), (_, deals) = issue(), issue(scopes=["CRM"])
    for secret, may_be_deals in ((tickets, False), (deals, True)):
        app.asked.clear()
        for target in (*SPELLINGS, "/api/deals", "/api/tickets"):
            caller.ask(target, bearer(secret))
        paths = [unquote(path.partition("?")[0]).lower() for path in app.asked if not path.startswith("/public/")]
        assert paths
        assert {path.startswith("/api/deals") for path in paths} == {may_be_deals}
        assert [path for path in app.asked if UNCLEAR.search(path.partition("?")[0])] == []


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
