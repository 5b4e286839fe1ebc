"""Lines of access logs: what is read of them, and that no line, however hostile, does more than be counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystile import Gate, new_key_id
from keystile._core import KeyRecord, Writer
from keystile.agent.outcomes.budget import Budget
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.line import MOST_BYTES, Ended, NotAnOutcome, read
from keystile.agent.outcomes.stream import Lines
from keystile.figures import outcomes_of

KEY = "key_01m83kg9h6erxsvj4xc5vgxr0p"
NGINX = b"<190>Nov 23 07:04:10 nginx: "


def heard(gate: Gate) -> dict[str, int]:
    """What became of all lines."""
    return outcomes_of(gate.counters.figures())


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "text",
    [
        line(key_id=KEY, status=503),
        NGINX + line(key_id=KEY, status=503),
        b"<190>Nov 23 07:04:10 host nginx: " + line(key_id=KEY, status=503) + b"\n",
        line(
            level="error", msg="handled request", status=503, key_id=KEY, request={"uri": "/", "headers": {"A": ["b"]}}
        ),
        line(level="error", logger="http.log.access", user_id=KEY, duration=0.003, size=0, status=503),
        line(status=503, key_id="", user_id=KEY),
        line(key_id=KEY, status=503, at="2026-11-23T07:04:10Z", note="}{"),
    ],
    ids=["ours", "nginx", "nginx with its host", "Caddy's with our field", "Caddy's own", "both", "with more fields"],
)
def test_an_error_is_read(text: bytes) -> None:
    assert read(text) == Ended(KEY, 503)


@pytest.mark.parametrize(
    "text",
    [
        line(key_id=KEY, status=200),
        line(key_id=KEY, status=399),
        line(key_id=KEY, status=99),
        line(key_id=KEY, status=0),
        line(key_id=KEY, status=-1),
        line(key_id="", status=503),
        line(key_id="-", status=503),
        line(key_id=None, status=503),
        line(status=503),
        line(status=503, user_id=""),
        line(status=503, user_id="somebody else"),
        # What the client or the application sent is not what the gate said.
        line(status=401, request={"headers": {"X-Keystile-Key-Id": [KEY]}}),
        line(status=401, resp_headers={"X-Keystile-Key-Id": [KEY]}),
        line(status=401, **{"X-Keystile-Key-Id": KEY}),
    ],
)
def test_what_is_no_error_of_a_key_is_passed_over(text: bytes) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"\x00",
        b'{"key_id": "key_\\ud800", "status": 503}',
        b"[]",
        b"null",
        b"503",
        b"{}",
        b"{",
        line(key_id=KEY),
        line(key_id=KEY, status=600),
        line(key_id=KEY, status=2**63),
        line(key_id=KEY, status=True),
        line(key_id=KEY, status=503.5),
        line(key_id=KEY, status="503"),
        line(key_id=KEY, status="200"),
        line(key_id=KEY, status=None),
        line(key_id=KEY, status=[503]),
        line(key_id=7, status=503),
        line(key_id=[KEY], status=503),
        line(status=503, user_id=7),
        line(status=503, user_id=[KEY]),
        line(key_id=KEY, status=503) + line(key_id=KEY, status=503),
        b"x " + line(key_id=KEY, status=503),
        line(key_id=KEY, status=503) + b" x",
        b'{"key_id": "' + KEY.encode() + b'", "status": 503, "a": "\x00"}',
        b'{"key_id": "\xff\xfe", "status": 503}',
        b'{"key_id": "' + KEY.encode() + b'", "status": 1e400}',
        b'{"key_id": "' + KEY.encode() + b'", "status": 000}',
        b'{"key_id": "' + KEY.encode() + b'", "status": NaN}',
        b'{"status": 503, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"status": 503, "a": ' + b'{"a":' * 100_000,
        NGINX,
    ],
)
def test_what_is_no_outcome_is_told_apart(text: bytes) -> None:
    with pytest.raises(NotAnOutcome):
        read(text)


@given(st.binary() | st.binary().map(lambda rest: b"{" + rest) | st.text().map(str.encode))
def test_no_line_does_more(text: bytes) -> None:
    try:
        found = read(text)
    except NotAnOutcome:
        return
    assert found is None or 400 <= found.status <= 599


@given(st.lists(st.integers(0, 60)), st.integers(1, 50))
def test_lines_are_the_same_however_they_arrive(lengths: list[int], size: int) -> None:
    whole = [b"x" * length for length in lengths]
    stream = b"".join(line + b"\n" for line in whole) + b"half"
    lines = Lines()
    found = [line for at in range(0, len(stream), size) for line in lines.feed(stream[at : at + size])]
    assert found == [line for line in whole if line]
    assert lines.feed(b" a line\n") == [b"half a line"]


def test_a_line_that_is_too_long_is_cut_and_harms_no_other() -> None:
    lines = Lines()
    found = []
    for _ in range(1_024):
        found += lines.feed(b"x" * 1_024)
        assert len(lines._rest) <= MOST_BYTES
    found += lines.feed(b"\nnext\n" + b"y" * 1_000_000 + b"\nlast\n")
    assert found == [b"x" * MOST_BYTES, b"next", b"y" * MOST_BYTES, b"last"]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer.open(
        tmp_path / "gate",
        capacity=100,
        prefix="tos_",
        peppers=[b"p" * 32],
        failure_rate=60,
        failure_burst=100,
        allow_stale=False,
    )
    writer.set_catalogue(["PSA"], [("Plenty", 1_000, 1_000)])
    yield writer
    writer.close()


def known_key(writer: Writer) -> str:
    key_id = new_key_id()
    writer.put(KeyRecord(key_id, bytes(32), scopes=["PSA"], tier="Plenty"))
    return key_id


def test_each_line_is_counted_as_what_it_is(writer: Writer) -> None:
    key_id = known_key(writer)
    gate: Gate = writer.gate()
    Intake(writer).take(
        [
            line(key_id=key_id, status=404),
            line(key_id=key_id, status=503),
            line(key_id=key_id, status=503),
            line(key_id=key_id, status=200),
            line(status=503),
            line(key_id=new_key_id(), status=503),
            line(key_id="key_somebody", status=503),
            b"nonsense",
        ],
        dropped=9,
    )
    assert heard(gate) == {"counted": 3, "passed_over": 2, "unknown_key": 2, "malformed": 1, "dropped": 9}
    assert [(drained[0], drained[1:4]) for drained in writer.drain()] == [(key_id, (0, 1, 2))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40).map("key_".__add__)))
def test_whatever_is_said_to_be_a_key_is_unknown(writer: Writer, names: list[str]) -> None:
    intake, before = Intake(writer), heard(writer.gate())
    intake.take([msgspec.json.encode({"key_id": name, "status": 503}) for name in names])
    assert heard(writer.gate()) == before | {"unknown_key": before["unknown_key"] + len(names)}


class Clock:
    """Time that goes on when it is told to."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_budget_is_one_second_of_lines_and_bytes() -> None:
    clock = Clock()
    budget = Budget(100, 1_000, clock=clock)
    assert budget.grant(107, 1_000) == 100
    assert (budget.grant(1, 0), budget.lines_left()) == (0, 0)
    clock.now_s = 0.5
    assert budget.grant(1, 501) == 0
    assert (budget.grant(107, 500), budget.grant(1, 0)) == (50, 0)
    clock.now_s = 1_000.0
    assert (budget.lines_left(), budget.grant(107, 1_001), budget.grant(107, 1_000)) == (100, 0, 100)


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)), min_size=50, max_size=200))
def test_whoever_asks_for_little_finds_some_whatever_others_take(asked: list[tuple[int, int]]) -> None:
    clock = Clock()
    budget = Budget(20_000, 8_000_000, share=1 / 8, clock=clock)
    taken = 0
    for lines, size in asked * 4:
        clock.now_s += 0.002
        taken += budget.grant(lines, size)
        assert budget.grant(1, 200) == 1
    assert taken <= 20_000 * (1 + clock.now_s)


@given(st.lists(st.integers(0, 9)), st.integers(0, 12))
def test_lines_beyond_what_is_granted_are_left_out_and_harm_no_other(lengths: list[int], most: int) -> None:
    whole = [b"x" * length for length in lengths]
    lines = Lines()
    lines.feed(b"be")
    found = lines.feed(b"gun\n" + b"".join(line + b"\n" for line in whole) + b"half", most)
    assert found == [line for line in [b"begun", *whole][:most] if line]
    assert lines.feed(b" a line\n") == [b"half a line"]


async def test_what_is_lost_is_told_in_the_log(
    writer: Writer, caplog: pytest.LogCaptureFixture, eventually: Callable[..., Awaitable[None]]
) -> None:
    intake = Intake(writer)
    intake.take([b"before it was asked to tell"])
    telling = asyncio.create_task(intake.tell(every_s=0.01))
    await asyncio.sleep(0)
    intake.take([line(key_id=known_key(writer), status=503), line(key_id="key_somebody", status=503)], dropped=7)
    await eventually(lambda: caplog.records)
    intake.take([line(key_id=KEY, status=200)])
    for _ in range(3):
        intake.note_closed("there were too many")
    await eventually(lambda: len(caplog.records) == 2)
    telling.cancel()
    words = "of the outcomes from proxies 7 too many at once, 1 of keys that there are not; 1 were counted"
    closed = "connections for outcomes that were closed, because there were too many: 3"
    assert [record.message for record in caplog.records] == [words, closed]
