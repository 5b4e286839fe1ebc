"""What nginx has of its own in a protected location."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.proxies.calling import Caller, bearer
from tests.proxies.standing import Proxy
from tests.proxies.test_contract import Issue, limits, refused

ODD = [("Host", "odd")]


@pytest.fixture
def caller(running: Callable[[str], Proxy]) -> Caller:
    """A client of nginx."""
    return Caller(running("nginx").port)


def test_a_question_that_keystile_does_not_take_is_a_bad_one(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    answer = refused(caller.ask("/unknown-scope", [*ODD, *bearer(secret)]), 400, "unknown_scope")
    assert answer.headers["x-of-the-server"] == "yes"


def test_a_location_may_have_headers_of_its_own(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    passed = caller.ask("/own-header", [*ODD, *bearer(secret)])
    assert (passed.status, passed.headers["x-own"]) == (200, "yes")
    limits(passed)
    limits(refused(caller.ask("/own-header", ODD), 401, "missing_credentials"), "unauthenticated")


def test_refusals_and_errors_of_nginx_itself_keep_their_status(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    assert caller.ask("/denied", [*ODD, *bearer(secret)]).status == 403
    broken = caller.ask("/broken", [*ODD, *bearer(secret)])
    assert (broken.status, broken.headers["content-type"]) == (500, "text/html")
    limits(broken)
    refused(caller.ask("/broken", ODD), 401, "missing_credentials")


def test_nobody_asks_by_himself(caller: Caller, issue: Issue) -> None:
    _, secret = issue()
    for target in ("/_keystile", "/_keystile?scope=PSA", "/%5fkeystile", "/_KEYSTILE"):
        assert caller.ask(target, [*ODD, *bearer(secret)]).status == 404, target
    assert caller.ask("//_keystile", [*ODD, *bearer(secret)]).status == 400
