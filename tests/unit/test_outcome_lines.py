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
from keystile.agent.outcomes.intake import LINES_PER_S, Intake
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


def test_more_than_can_be_borne_is_dropped_and_counted(writer: Writer) -> None:
    now_s = 0.0
    intake = Intake(writer, clock=lambda: now_s)
    gate, one = writer.gate(), line(key_id=known_key(writer), status=503)
    intake.take([one] * (LINES_PER_S + 7))
    assert (heard(gate)["counted"], heard(gate)["dropped"]) == (LINES_PER_S, 7)
    intake.take([one])
    assert heard(gate)["dropped"] == 8
    now_s = 0.5
    intake.take([one] * LINES_PER_S)
    assert heard(gate)["counted"] == LINES_PER_S + LINES_PER_S // 2
    now_s = 1_000.0
    intake.take([one] * (LINES_PER_S + 1))
    assert heard(gate)["counted"] == 2 * LINES_PER_S + LINES_PER_S // 2


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
    telling.cancel()
    words = "of the outcomes from proxies 7 too many at once, 1 of keys that there are not; 1 were counted"
    assert [record.message for record in caplog.records] == [words]
