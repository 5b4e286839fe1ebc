"""Files as they are read: every line is a record, or is named with what is wrong with it."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.cli.imports.lines import MOST_BYTES, BadLine, Lines
from keystile.cli.imports.records import Record, csv_header, csv_records, ndjson_records


def csv_of(raw: bytes) -> list[Record]:
    lines = Lines(io.BytesIO(raw))
    header = csv_header(lines)
    return [] if header is None else list(csv_records(lines, header))


def ndjson_of(raw: bytes) -> list[Record]:
    return list(ndjson_records(Lines(io.BytesIO(raw))))


def test_csv() -> None:
    raw = b'\xef\xbb\xbfname, secret,note\r\n"A ""b"", c",s1,\r\n\r\nD, s2 ,"two\nlines"\nE,s3,x'
    assert csv_of(raw) == [
        Record(2, {"name": 'A "b", c', "secret": "s1", "note": None}),
        Record(4, {"name": "D", "secret": "s2", "note": "two\nlines"}),
        Record(6, {"name": "E", "secret": "s3", "note": "x"}),
    ]


def test_a_bad_line_of_a_csv_stops_no_other() -> None:
    long = b"x" * MOST_BYTES
    raw = b'name,secret\na,b,c\nd\n\xff,e\n"f"g,h\n' + long + b",i\n" + long + long + long + b"\nj,k\n"
    records = csv_of(raw)
    assert [record.line for record in records] == list(range(2, 9))
    assert [record.fields for record in records] == [None] * 6 + [{"name": "j", "secret": "k"}]
    assert [record.fault.split(":")[0] for record in records[:6]] == [
        "This line has 3 cells, and the header 2.",
        "This line has 1 cells, and the header 2.",
        "This line is not UTF-8 text.",
        "This is no CSV",
        f"This line is longer than {MOST_BYTES} bytes.",
        f"This line is longer than {MOST_BYTES} bytes.",
    ]


def test_a_quote_that_is_never_closed_is_one_fault() -> None:
    records = csv_of(b'name,secret\na,b\n"c,d\ne,f\n')
    assert [(record.line, record.fields is None) for record in records] == [(2, False), (3, True)]


def test_ndjson() -> None:
    raw = b'{"name": "a"}\n\n  \r\n[1]\n{"a": 1, "a": 2}\n{\n"x"\n{}\n{"name": "\xc3\xa9"}'
    records = ndjson_of(raw)
    assert [record.line for record in records] == [1, 4, 5, 6, 7, 8, 9]
    assert [record.fields for record in records] == [{"name": "a"}, None, None, None, None, {}, {"name": "é"}]


@given(st.binary())
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    for records in (csv_of_or_nothing(raw), ndjson_of(raw)):
        numbers = [record.line for record in records]
        assert numbers == sorted(set(numbers))
        assert all(1 <= number <= raw.count(b"\n") + 1 for number in numbers)


def csv_of_or_nothing(raw: bytes) -> list[Record]:
    try:
        return csv_of(raw)
    except BadLine:  # of the header
        return []


class Endless(io.RawIOBase):
    """A file of so many bytes without a single line end."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), self._left)
        buffer[:count] = b"x" * count
        self._left -= count
        return count


@pytest.mark.parametrize("read", [csv_records, ndjson_records])
def test_a_line_without_an_end_takes_no_memory(read: object) -> None:
    lines = Lines(io.BufferedReader(Endless(50_000_000)))
    records: Iterator[Record] = csv_records(lines, ["name"]) if read is csv_records else ndjson_records(lines)
    tracemalloc.start()
    try:
        assert [record.fields for record in records] == [None]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
