"""The table of promises names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.machine import ROOT

_TEXT = (ROOT / "docs/reliability.md").read_text("utf-8")
_NAMED = sorted(set(re.findall(r"`((?:tests|crates)/[\w/.-]+)::(\w+)`", _TEXT)))


@pytest.mark.parametrize(("path", "name"), _NAMED)
def test_it_is_there(path: str, name: str) -> None:
    assert re.search(rf"(?:def|fn) {name}\(", Path(ROOT, path).read_text("utf-8"))


def test_every_promise_names_some() -> None:
    rows = [line for line in _TEXT.splitlines() if re.match(r"\| P\d", line)]
    assert [row.split("|")[1].strip() for row in rows] == [f"P{number}" for number in range(1, 10)]
    assert all("::" in row for row in rows)
    assert len(_NAMED) > 40
