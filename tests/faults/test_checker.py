"""The checker accepts a good run, and notices each way in which a run can be bad."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.checker import Bounds, Violation, check, check_counts, report
from tests.faults.history import Ending, Fault, History
from tests.faults.log import CODES, Log, Reader, Request, now_ns, read, read_all

_BOUNDS = Bounds(stale_after_ns=1_000, recovery_ns=500)


def asked(start_ns: int, code: str, *, secret: int = 0, gate: int = 0, took_ns: int = 10) -> Request:
    """One answered request."""
    return Request(start_ns, start_ns + took_ns, secret, code, gate)


def revoked(sent_ns: int = 100, committed_ns: int | None = 110, confirmed_ns: int | None = None) -> History:
    """A history in which secret 0 is revoked."""
    return History(endings=[Ending("revoke", (0,), sent_ns, committed_ns, confirmed_ns)], key_of=["a", "b"])


def rules(requests: list[Request], history: History) -> list[str]:
    """The rules that were broken."""
    return [violation.rule for violation in check(requests, history, _BOUNDS)]


GOOD = [
    asked(50, "ok"),
    asked(95, "ok", took_ns=100),
    asked(400, "ok", gate=1),
    asked(120, "revoked_key"),
    asked(1_105, "gate_stale", gate=1),
    asked(3_000, "revoked_key", gate=1),
    asked(3_000, "ok", secret=1),
    Request(5_000, 0, 0, "", 1),
]


def test_a_good_run_is_accepted() -> None:
    assert rules(GOOD, revoked(confirmed_ns=1_200)) == []


@pytest.mark.parametrize(
    ("bad", "history", "rule"),
    [
        (asked(1_201, "ok", gate=2), revoked(committed_ns=None, confirmed_ns=1_200), "confirmed"),
        (asked(1_111, "ok", gate=2), revoked(), "bound"),
        (asked(131, "ok"), revoked(), "return"),
        (asked(60, "revoked_key", took_ns=39), revoked(), "refused"),
        (asked(60, "unknown_key", secret=1), revoked(), "refused"),
        (asked(2_000, "unknown_key"), revoked(), "refused"),
        (asked(60, "rate_limited", secret=1), revoked(), "refused"),
        (asked(60, "insufficient_scope", secret=1), revoked(), "refused"),
    ],
)
def test_each_bad_answer_is_noticed(bad: Request, history: History, rule: str) -> None:
    assert rules(GOOD, history) == []
    assert rule in rules([*GOOD, bad], history)


def test_an_accept_that_began_before_is_no_fault() -> None:
    history = revoked(committed_ns=110, confirmed_ns=200)
    assert rules([asked(200, "ok", gate=3, took_ns=10_000)], history) == []
    assert rules([asked(125, "ok"), asked(120, "revoked_key")], history) == []


def test_the_bound_does_not_apply_where_a_gate_may_go_on() -> None:
    late = asked(9_000, "ok", gate=2)
    assert check([late], revoked(), Bounds(None, None)) == []
    assert check([late], revoked(), Bounds(1_000, None)) != []


def test_what_is_expected_of_a_secret_is_no_fault() -> None:
    history = History(key_of=["a"], expected={0: {"rate_limited"}})
    assert rules([asked(5, "rate_limited")], history) == []
    assert rules([asked(5, "disabled_key")], history) == ["refused"]


@pytest.mark.parametrize(
    ("requests", "broken"),
    [
        ([asked(90, "ok"), asked(150, "gate_stale"), asked(600, "ok")], 0),
        ([asked(90, "ok"), asked(701, "ok")], 1),
        ([asked(90, "ok"), asked(190, "ok"), asked(300, "gate_stale")], 1),
        ([asked(600, "ok")], 1),
        ([], 2),
        ([asked(90, "ok", gate=1), asked(600, "ok", gate=1)], 2),
    ],
)
def test_a_gate_must_recover_in_time(requests: list[Request], broken: int) -> None:
    history = History(faults=[Fault("reset", (0,), 100, 200)], key_of=["a"])
    assert rules(requests, history) == ["recovery"] * broken


def counts(requests: list[Request], totals: dict[str, int]) -> list[str]:
    """The rules that were broken by what the database counted."""
    return [violation.rule for violation in check_counts(requests, ["a", "a", "b"], totals)]


def test_counts_are_those_of_what_was_answered() -> None:
    answered = [asked(1, code, secret=number % 2) for number, code in enumerate(CODES[1:])]
    assert counts(answered, {"a": 6, "b": 0}) == []
    for wrong in (5, 7):
        assert counts(answered, {"a": wrong}) == ["counted"]
    assert counts(answered, {"a": 6, "b": 1}) == ["counted"]
    assert counts(answered, {}) == ["counted"]
    assert counts([], {"c": 1}) == ["counted"]


def test_a_request_under_way_counts_once_or_not() -> None:
    requests = [asked(1, "ok"), Request(2, 0, 0, "", 0), Request(2, 0, 2, "", 0)]
    assert counts(requests, {"a": 1}) == counts(requests, {"a": 2, "b": 1}) == []
    assert counts(requests, {"a": 3}) == counts(requests, {"a": 0}) == ["counted"]


def test_a_report_names_each_rule_once() -> None:
    text = report([Violation("bound", str(number)) for number in range(9)] + [Violation("return", "x")])
    assert text.splitlines()[0] == "bound: 9"
    assert len(text.splitlines()) == 8


def test_a_killed_writer_leaves_its_whole_log(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    before_ns = now_ns()
    child = os.fork()
    if child == 0:
        log = Log(path, gate=3)
        for number, code in enumerate(CODES[1:]):
            log.begin(number)
            log.end(number, code)
        log.begin(77)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    *answered, last = read(path)
    assert [(one.secret, one.code, one.gate) for one in answered] == [
        (number, code, 3) for number, code in enumerate(CODES[1:])
    ]
    assert all(before_ns <= one.start_ns <= one.end_ns <= now_ns() for one in answered)
    assert (last.secret, last.code, last.end_ns) == (77, "", 0)
    assert list(read_all(tmp_path)) == [*answered, last]
    assert list(read(path, 9)) == [*answered[9:], last]


def test_a_reader_gives_each_answer_once(tmp_path: Path) -> None:
    reader, log = Reader(tmp_path), Log(tmp_path / "1.log", gate=0)
    assert reader.new() == []
    log.begin(1)
    assert reader.new() == []
    log.end(1, "ok")
    log.begin(2)
    assert [one.secret for one in reader.new()] == [1]
    log.end(2, "ok")
    assert [one.secret for one in reader.new()] == [2]
    assert reader.new() == []
