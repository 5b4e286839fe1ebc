"""The same places however a stream is cut; lines and columns; memory that does not grow with it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile import mint
from keystile.cli.scan.pattern import Pattern
from keystile.cli.scan.seeker import Place, places_in, redact

PATTERNS = [Pattern("tos_"), Pattern("acme_")]
A, B = mint(), mint("acme_")
TEXT = f"{A}\nx\n\n  {B},{A} tos_{'0' * 28}\n" * 3 + f"x{A}\n{'y' * 200}\n{A}"
PLACES = [
    *((1 + 4 * n, 1, A) if part == 0 else (4 + 4 * n, 3, B) if part == 1 else (4 + 4 * n, 4 + len(B), A)
      for n in range(3) for part in range(3)),
    (15, 1, A),
]  # fmt: skip


def expected() -> list[Place]:
    return [Place(line, column, secret[:8], secret[-4:]) for line, column, secret in PLACES]


@given(st.lists(st.integers(0, 3000)), st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]))
def test_however_it_is_cut(cuts: list[int], encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    data = (mark + TEXT).encode(encoding)
    ends = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(ends)]
    assert list(places_in(pieces, PATTERNS)) == expected()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 32, 33, 67, 68, 69])
def test_in_pieces_of_one_size(size: int) -> None:
    data = TEXT.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(places_in(pieces, PATTERNS)) == expected()


def test_characters_of_other_scripts_end_no_line_in_utf_16() -> None:
    data = f"\ufeff上上ਊ\n上 {A}".encode("utf-16-le")  # U+4E0A and U+0A0A hold the byte of a line feed
    assert [(place.line, place.column) for place in places_in([data], PATTERNS)] == [(2, 3)]


def test_nothing_and_little_hold_nothing() -> None:
    assert list(places_in([], PATTERNS)) == []
    assert list(places_in([b"\xff"], PATTERNS)) == []


def test_one_piece_at_a_time_is_held() -> None:
    def long_line() -> Iterator[bytes]:
        for _ in range(64):
            yield b"tos_" + b"x" * (1 << 20)
        yield b" " + A.encode()

    tracemalloc.start()
    try:
        assert [(place.line, place.column) for place in places_in(long_line(), PATTERNS)] == [(1, 64 * (4 + 2**20) + 2)]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_path_shows_no_secret() -> None:
    assert redact(f"old/{A}-{B}.txt\udcff", PATTERNS) == f"old/{A[:8]}…{A[-4:]}-{B[:8]}…{B[-4:]}.txt\udcff"
    assert redact("0" * 40, PATTERNS) == "0" * 40
