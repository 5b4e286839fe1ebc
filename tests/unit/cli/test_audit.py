"""What `keystile audit` asks for, and what it prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


def _query(hub: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(hub.asked[-1][1]).query)


def test_filters(keystile: Any, hub: Any) -> None:
    args = ["--actor", "op_1", "--target", "key_2", "--action", "key.revoke", "--until", "2030-01-31T01:00:00+01:00"]
    assert keystile("audit", *args, "--since", "7d").exit_code == 0
    query = _query(hub)
    since = datetime.fromisoformat(query.pop("since")[0])
    assert abs(datetime.now(UTC) - timedelta(days=7) - since) < timedelta(seconds=5)
    expected = {"actor": "op_1", "target": "key_2", "action": "key.revoke", "until": "2030-01-31T00:00:00Z"}
    assert query == {name: [value] for name, value in expected.items()}
    keystile("audit", "--key", "key_3")
    assert _query(hub) == {"actor": ["key_3"]}


def test_csv_is_passed_on_as_it_is(keystile: Any, hub: Any) -> None:
    hub.body = b"id,at\r\n1,'=x\r\n"
    result = keystile("audit", "--csv", "--action", "key.create")
    assert result.stdout_bytes == b"id,at\r\n1,'=x\r\n"
    assert _query(hub) == {"action": ["key.create"]}


def test_csv_that_is_refused_ends_with_its_exit_code(keystile: Any, hub: Any) -> None:
    hub.status, hub.body = 404, {"title": "T", "detail": "No such tenant."}
    result = keystile("audit", "--csv", "--tenant", "none")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "No such tenant." in result.stderr


@pytest.mark.parametrize("args", [["--json"], ["--limit", "5"], ["--cursor", "x"]])
def test_csv_is_always_all_of_it(keystile: Any, hub: Any, args: list[str]) -> None:
    assert keystile("audit", "--csv", *args).exit_code == 2
    assert hub.asked == []


@pytest.mark.parametrize("when", ["never", "yesterday", "2030-01-31", "2030-01-31T00:00:00"])
def test_what_is_no_past_time(keystile: Any, hub: Any, when: str) -> None:
    assert keystile("audit", "--since", when).exit_code == 2
    assert hub.asked == []
