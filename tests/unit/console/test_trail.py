"""The audit trail in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import keystile
from keystile.console.trail import ACTIONS, Change, entries
from keystile.store.records import AuditRow
from keystile.store.webhooks import EVENTS


def _row(**fields: Any) -> AuditRow:
    made = {"id": 1, "at": datetime.now(UTC), "actor": "op_1", "tenant": "home", "action": "key.update"}
    return AuditRow(**{**made, "target": "key_1", "detail": {}, "request_id": None, **fields})


def test_every_action_there_is_has_words() -> None:
    """Actions are written in services, and by queries of the store."""
    source = Path(keystile.__file__).parent
    texts = [
        path.read_text("utf-8")
        for path in source.rglob("*")
        if path.suffix in {".py", ".sql"} and "console" not in path.parts
    ]
    actions = re.compile(r"""["']((?:key|tenant|operator|session|webhook)\.(?!key\b)[a-z_]+)["']""")
    named = {found for text in texts for found in actions.findall(text)}
    assert named - set(EVENTS) == ACTIONS.keys()


@pytest.mark.parametrize(
    ("detail", "change"),
    [
        ({"name": {"from": "a", "to": "b"}}, Change("name", "a", "b")),
        ({"scopes": {"from": [], "to": ["PSA", "CRM"]}}, Change("scopes", "none", "PSA, CRM")),
        ({"expires_at": {"from": None, "to": "no time"}}, Change("expires", "none", "no time")),
        ({"expires_at": "2030-01-02T03:04:05.678901Z"}, Change("expires", None, "2 Jan 2030, 03:04 UTC")),
        ({"disabled": {"from": False, "to": True}}, Change("disabled", "no", "yes")),
        ({"overlap_seconds": 0}, Change("old secret works for", None, "no time")),
        ({"overlap_seconds": 3_600}, Change("old secret works for", None, "1 hour")),
        ({"overlap_seconds": 172_800}, Change("old secret works for", None, "2 days")),
        ({"overlap_seconds": 90}, Change("old secret works for", None, "90 seconds")),
        ({"reason": None}, Change("reason", None, "none")),
        ({"deep": {"from": 1}}, Change("deep", None, "{'from': 1}")),
    ],
)
def test_changes(detail: dict[str, Any], change: Change) -> None:
    (entry,) = entries([_row(detail=detail)], {})
    assert entry.changes == [change]


def test_names_where_there_are_some() -> None:
    named, nameless, word, new = entries(
        [_row(), _row(actor="key_2", target="op_3"), _row(actor="agent"), _row(action="key.explode")],
        {"op_1": "ada@example.com", "key_1": "Till"},
    )
    assert (named.who, named.what, named.whom) == ("ada@example.com", "Key changed", "Till")
    assert (nameless.who, nameless.whom) == ("key_2", "op_3")
    assert word.who == "Agent"
    assert new.what == "key.explode"
