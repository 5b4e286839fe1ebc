"""`keystile advice`: what it asks for, and how it shows the answers."""

from __future__ import annotations

import json
from typing import Any, get_args

from keystile.cli.advice import KINDS
from keystile.hub.advice.schemas import Kind
from keystile.store import advice

ID = "key_01h455vb4pex5vsknk084sn02q"
CHANGE = {"requests": 900, "requests_before": 100.5, "error_rate": 12.5, "error_rate_before": None}


def item(kind: str, remedy: str, **more: Any) -> dict[str, Any]:
    known = {"key_id": ID, "name": "\x1b[31mred", "kind": kind, "since": "2026-01-01T00:00:00Z", "remedy": remedy}
    return {**known, "scopes": None, "change": None, **more}


def test_the_kinds_are_the_same_everywhere() -> None:
    assert get_args(Kind) == advice.KINDS == KINDS


def test_a_line_says_what_and_why(keystile: Any, hub: Any) -> None:
    hub.body = {
        "items": [
            item("old_secret", "rotate"),
            item("unused_scopes", "drop_scopes", scopes=["PSA", "Books"]),
            item("sudden_change", "look", change={**CHANGE, "what": ["requests", "error_rate"]}),
        ],
        "next_cursor": "more",
    }
    result = keystile("advice", "--kind", "unused", "--tenant", "acme", "--limit", "3")
    assert result.exit_code == 0
    assert hub.asked == [("GET", "/v1/advice?kind=unused&tenant=acme&limit=3", None)]
    _, old, scopes, change = result.stdout.splitlines()
    assert old.split()[0] == ID
    assert "old_secret" in old
    assert old.split()[-2:] == ["-", "rotate"]
    assert "PSA, Books" in scopes
    assert "900 requests in 24 hours, 100.5 a day before; 12.5 % errors, none before" in change
    assert "\x1b" not in result.output
    assert "--cursor more" in result.stderr


def test_all_of_it_as_json(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [item("unused", "revoke")], "next_cursor": None}
    result = keystile("advice", "--all", "--json")
    assert json.loads(result.stdout)["items"][0]["kind"] == "unused"
    assert hub.asked == [("GET", "/v1/advice?limit=200", None)]


def test_an_unknown_kind_is_wrong_usage(keystile: Any, hub: Any) -> None:
    assert keystile("advice", "--kind", "nonsense").exit_code == 2
    assert hub.asked == []
