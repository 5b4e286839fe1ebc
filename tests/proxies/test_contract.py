"""What a gate promises, behind every proxy."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from keystile import mint
from tests.processes.serving import Serve
from tests.proxies.application import FINISHED, Application
from tests.proxies.calling import Answered, Caller, Headers, bearer, fresh_address
from tests.proxies.relay import Relay
from tests.proxies.standing import PROXIES, Proxy

Issue = Callable[..., tuple[str, str]]

LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit")
BURST = 20
LARGE = b"x" * 1_000_000  # nginx takes no more unless told to


def limits(answer: Answered, policy: str = "standard") -> None:
    """All rate-limit headers are there, each once, and of this policy."""
    assert set(LIMITS) <= answer.headers.keys(), answer
    assert answer.headers["ratelimit-policy"].startswith(f'"{policy}";q=')
    assert answer.headers["ratelimit"].startswith(f'"{policy}";r=')


def refused(answer: Answered, status: int, code: str) -> Answered:
    """A refusal as the gate's middleware sends it."""
    problem = answer.problem
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code), answer
    assert problem["type"] == f"urn:keystile:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["cache-control"] == "no-store"
    assert "x-keystile-problem" not in answer.headers
    return answer


def test_a_good_key_passes_and_the_application_knows_whose_it_is(caller: Caller, issue: Issue) -> None:
    key_id, secret = issue(scopes=["PSA", "Books"])
    answer = caller.ask("/api/tickets?page=2", bearer(secret))
    assert answer.status == 200
    limits(answer)
    assert json.loads(answer.body)["path"] == "/api/tickets?page=2"
    identity = {name: value for name, value in answer.got.items() if name.startswith("x-keystile")}
    assert identity == {
        "x-keystile-key-id": key_id,
        "x-keystile-tenant": "home",
        "x-keystile-tier": "Standard",
        "x-keystile-scopes": "PSA,Books",
    }
    assert "authorization" not in answer.got
    assert not {name for name in answer.headers if name.startswith("x-keystile")}
    assert secret not in answer.body.decode()


def test_refusals_are_problem_details(caller: Caller, issue: Issue) -> None:
    limits(refused(caller.ask(), 401, "missing_credentials"), "unauthenticated")
    unknown = refused(caller.ask(headers=bearer(mint())), 401, "unknown_key")
    assert unknown.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    malformed = refused(caller.ask(headers=[("Authorization", "Basic eA==")]), 401, "malformed_key")
    assert malformed.headers["www-authenticate"].startswith("Bearer")
    _, other = issue(scopes=["CRM"])
    lacking = refused(caller.ask(headers=bearer(other)), 403, "insufficient_scope")
    assert lacking.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="PSA"'
    assert lacking.problem["detail"] == "This key does not hold the scope PSA."
    limits(lacking)


def test_each_product_has_its_scope(caller: Caller, issue: Issue) -> None:
    tickets, deals = issue(), issue(scopes=["CRM"])
    for target, (key_id, good), (_, bad) in (("/api/tickets", tickets, deals), ("/api/deals", deals, tickets)):
        passed = caller.ask(target, bearer(good))
        assert (passed.status, passed.got["x-keystile-key-id"]) == (200, key_id)
        limits(passed)
        refused(caller.ask(target, bearer(bad)), 403, "insufficient_scope")
        refused(caller.ask(target), 401, "missing_credentials")


def test_a_revoked_key_is_refused_by_the_next_request(caller: Caller, issue: Issue, hub: Serve) -> None:
    key_id, secret = issue()
    assert caller.ask(headers=bearer(secret)).status == 200
    with hub.http() as client:
        assert client.post(f"/v1/keys/{key_id}/revoke").status_code == 200
    limits(refused(caller.ask(headers=bearer(secret)), 401, "revoked_key"))


def test_who_waits_for_retry_after_gets_through(running: Callable[[str], Proxy], issue: Issue) -> None:
    # Started here: Envoy ends with the thread that has started it.
    callers = {name: Caller(running(name).port) for name in PROXIES}

    def waits(name: str) -> None:
        caller, (_, secret) = callers[name], issue(tier="Hasty")
        assert caller.ask(headers=bearer(secret)).status == 200, name
        answer = refused(caller.ask(headers=bearer(secret)), 429, "rate_limited")
        limits(answer, "hasty")
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert "www-authenticate" not in answer.headers
        time.sleep(int(answer.headers["retry-after"]))
        assert caller.ask(headers=bearer(secret)).status == 200, name

    with ThreadPoolExecutor(len(PROXIES)) as pool:
        list(pool.map(waits, PROXIES))


@contextmanager
def deciding_alone(worker: int, hub: Serve, relay: Relay) -> Iterator[None]:
    """All new connections are this worker's while the other stands still; those that there were are cut."""
    (other,) = hub.workers() - {worker}
    os.kill(other, signal.SIGSTOP)
    try:
        relay.back()
        yield
    finally:
        os.kill(other, signal.SIGCONT)


def test_two_workers_share_one_limit(caller: Caller, issue: Issue, hub: Serve, relay: Relay) -> None:
    _, secret = issue(tier="Slow")  # one token a minute: none comes back while this runs
    answers = []
    for worker in hub.workers():
        with deciding_alone(worker, hub, relay), ThreadPoolExecutor(8) as pool:
            asked = pool.map(caller.ask, ["/api/tickets"] * BURST, [bearer(secret)] * BURST)
            answers.append(Counter(answer.status for answer in asked))
    assert answers == [{200: BURST}, {429: BURST}]


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 429, 500, 502, 503])
def test_what_the_application_answers_stays_as_it_is(caller: Caller, issue: Issue, status: int) -> None:
    own = {"Retry-After": "77", "WWW-Authenticate": "Own", "X-Own": "yes", "Content-Type": "text/own", "Location": "/a"}
    target = "/api/tickets?status=" + str(status) + "".join(f"&{name}={value}" for name, value in own.items())
    _, secret = issue()
    answer = caller.ask(target, [*bearer(secret), ("X-Sent", "too")])
    assert answer.status == status
    assert {name: answer.headers.get(name.lower()) for name in own} == own
    assert status == 204 or answer.got["x-sent"] == "too"
    limits(answer)


def test_the_headers_of_the_gate_are_the_only_ones_of_their_names(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    forged = "&".join(f"{name}=forged" for name in LIMITS)
    answer = caller.ask(f"/api/tickets?{forged}", bearer(secret))
    assert answer.status == 200
    limits(answer)
    assert answer.headers["x-ratelimit-limit"] == "60"


def test_bodies_and_methods(caller: Caller, issue: Issue, app: Application) -> None:
    _, secret = issue()
    for method, body in (("POST", LARGE), ("PUT", b"{}"), ("DELETE", None), ("HEAD", None), ("OPTIONS", None)):
        answer = caller.ask("/api/tickets", bearer(secret), method, body)
        assert answer.status == 200, method
        limits(answer)
        if method != "HEAD":
            got = json.loads(answer.body)
            assert (got["method"], got["body_bytes"]) == (method, len(body or b""))
    app.asked.clear()
    refused(caller.ask("/api/tickets", [], "POST", b"x" * 10_000), 401, "missing_credentials")
    head = caller.ask("/api/tickets", [], "HEAD")
    assert (head.status, head.body) == (401, b"")
    refused(caller.ask("/api/tickets", [], "OPTIONS"), 401, "missing_credentials")
    assert app.asked == []


def test_a_preflight_passes_unchecked_and_as_nobody(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    preflight = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET")]
    forged = [("X-Keystile-Key-Id", "key_forged"), ("X-Keystile-Tenant", "home")]
    answer = caller.ask("/api/tickets", [*preflight, *forged, *bearer(secret)], "OPTIONS")
    assert answer.status == 200
    assert not {name for name in answer.got if name.startswith(("x-keystile", "authorization"))}
    assert "ratelimit" not in answer.headers
    refused(caller.ask("/api/tickets", preflight), 401, "missing_credentials")


def test_only_what_is_named_is_open(caller: Caller, app: Application) -> None:
    target = "/public/page?next=/../;%2e%2e%2F//%5c"  # odd, but in the query
    answer = caller.ask(target, [("Authorization", "Basic eA==")])
    assert answer.status == 200
    assert answer.got["authorization"] == "Basic eA=="
    assert json.loads(answer.body)["path"] == target
    app.asked.clear()
    for other in ("/", "/elsewhere", "/publicity", "/api/public/"):
        refused(caller.ask(other), 401, "missing_credentials")
    assert app.asked == []


def test_a_websocket_is_let_in_with_a_key_only(proxy: Proxy, caller: Caller, issue: Issue) -> None:
    key_id, secret = issue()

    def shake_hands(lines: Headers) -> list[bytes]:
        request = [
            "GET /api/tickets HTTP/1.1",
            f"Host: 127.0.0.1:{proxy.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
        ]
        request += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        request += [f"{name}: {value}" for name, value in lines]
        with caller.connection() as connection, connection.makefile("rb") as file:
            connection.sendall("\r\n".join([*request, "", ""]).encode())
            head = [line.strip() for line in iter(file.readline, b"\r\n")]
            if head[0].split()[1] != b"101":
                return head
            connection.sendall(b"one\ntwo\n" + FINISHED + b"\n")
            return [*head, *(line.strip() for line in file)]

    lines = shake_hands(bearer(secret))
    assert lines[0].split()[1] == b"101"
    assert lines[-3:] == [key_id.encode(), b"one", b"two"]
    assert any(line.lower().startswith(b"ratelimit:") for line in lines)
    assert shake_hands([])[0].split()[1] == b"401"


def test_failures_are_limited_by_client_and_never_a_good_key(proxy: Proxy, caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    forged = [[("X-Forwarded-For", fresh_address())] for _ in range(BURST + 5)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda more: caller.ask(headers=more), forged))
    assert Counter(answer.status for answer in answers) == {401: BURST, 429: 5}
    last = refused(caller.ask(), 429, "too_many_failures")
    limits(last, "unauthenticated")
    assert int(last.headers["retry-after"]) > 1
    assert caller.ask(headers=bearer(secret)).status == 200
    assert Caller(proxy.port).ask().status == 401
