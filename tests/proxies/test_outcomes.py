"""Errors that only a proxy sees are in the key's error rate: by syslog, over TCP, from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.processes.serving import Serve, eventually
from tests.proxies.application import CUT
from tests.proxies.calling import Caller, bearer
from tests.proxies.standing import Proxy

Issue = Callable[..., tuple[str, str]]

STATUSES = (200, 503, 204, 404, 200, 500, 400, 200, 201, 599, 499, 200, 504)
"""What the application answers; an error comes last, so that once it is counted all before it are."""
CLIENT_ERRORS, SERVER_ERRORS = 3, 4


@pytest.fixture(scope="module")
def client(hub: Serve) -> Iterator[httpx.Client]:
    with hub.http() as client:
        yield client


def figures(client: httpx.Client, key_id: str) -> tuple[int, int, int, float | None]:
    """Requests, client errors, server errors and the error rate of a key."""
    answer: dict[str, Any] = client.get(f"/v1/keys/{key_id}/usage").json()
    today = answer["daily"][-1]
    return answer["total_requests"], today["client_errors"], today["server_errors"], answer["error_rate"]


def test_the_error_rate_is_right_to_the_request(proxy: Proxy, client: httpx.Client, issue: Issue) -> None:
    key_id, secret = issue()
    other_id, other = issue(scopes=["CRM"])
    caller = Caller(proxy.port)
    forged = [("X-Keystile-Key-Id", key_id)]
    # Refused: the gate has counted it as an error of its key, and the proxy's log must not count it again.
    assert caller.ask(headers=[*bearer(other), *forged]).status == 403
    # Without a key: it counts for nobody, whoever it says that it is.
    assert caller.ask(headers=forged).status == 401
    assert caller.ask("/public/?status=500", forged).status == 500
    got = [caller.ask(f"/api/tickets?status={status}", bearer(secret)).status for status in STATUSES]
    assert got == list(STATUSES)
    rate = round(100 * (CLIENT_ERRORS + SERVER_ERRORS) / len(STATUSES), 2)
    expected = (len(STATUSES), CLIENT_ERRORS, SERVER_ERRORS, rate)
    eventually(lambda: figures(client, key_id)[0] == len(STATUSES), "the requests are counted")
    eventually(lambda: figures(client, key_id)[1:3] >= (CLIENT_ERRORS, SERVER_ERRORS), "their errors are counted")
    assert figures(client, key_id) == expected
    assert figures(client, other_id) == (1, 1, 0, 100.0)


def test_an_application_that_does_not_answer_is_an_error_too(proxy: Proxy, client: httpx.Client, issue: Issue) -> None:
    key_id, secret = issue()
    assert Caller(proxy.port).ask(f"/api/tickets?status={CUT}", bearer(secret)).status in {502, 503}
    eventually(lambda: figures(client, key_id) == (1, 0, 1, 100.0), "the error is counted")


def test_what_was_heard_stands_in_the_metrics(proxy: Proxy, client: httpx.Client, issue: Issue) -> None:
    _, secret = issue()
    before = heard(client)
    assert Caller(proxy.port).ask("/api/tickets?status=503", bearer(secret)).status == 503
    eventually(lambda: heard(client)["counted"] > before["counted"], "it is counted")
    # Nor has any test here found a line that the agent cannot understand.
    assert [heard(client)[result] for result in ("unknown_key", "malformed", "dropped")] == [0, 0, 0]


def heard(client: httpx.Client) -> dict[str, int]:
    """What became of all lines, by result."""
    lines = [line.split(" ") for line in client.get("/metrics").text.splitlines() if "keystile_outcomes_total{" in line]
    return {name.split('"')[1]: int(float(count)) for name, count in lines}
