"""Every SQL file is used, and says what it guarantees and costs."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

STORE = Path(str(files("keystile.store")))
QUERIES = sorted((STORE / "queries").glob("*.sql"))


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_tells_its_cost(path: Path) -> None:
    comment = re.match(r"(--[^\n]*\n)+", path.read_text())
    assert comment is not None
    assert "Cost: " in comment[0]


def test_every_query_is_used() -> None:
    code = "\n".join(path.read_text() for path in STORE.glob("*.py"))
    named = set(re.findall(r'sql\(f?"([a-z_{}]+)"', code)) | set(re.findall(r'"((?:key|session)_get\w*)"', code))
    named |= {name.replace("{noun}", noun) for name in named for noun in ("scope", "tier")}
    assert {path.stem for path in QUERIES} <= named
