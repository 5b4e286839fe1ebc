"""From records to what the Hub is told: fields, defaults, and never the secret."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from keystile.cli.imports.rows import Refused, Rows

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()


def rows(columns: dict[str, str] | None = None, **options: Any) -> Rows:
    defaults: dict[str, Any] = {"ignoring": False, "tier": None, "scopes": None, "prefix": "tos_", "sending": False}
    return Rows(columns or {}, **{**defaults, **options})


def told(record: dict[str, Any], **options: Any) -> dict[str, Any]:
    line = rows(**options).line(record)
    assert SECRET.encode() not in line
    return {name: value for name, value in json.loads(line).items() if value is not None}


def refused(record: dict[str, Any], **options: Any) -> str:
    with pytest.raises(Refused) as caught:
        told(record, **options)
    assert SECRET not in str(caught.value)
    return caught.value.field


def test_a_secret_is_sent_as_its_digest() -> None:
    expected = {"name": "a", "scopes": [], "sha256": DIGEST, "start": "sk_live_", "last4": "p7dc"}
    assert told({"name": "a", "secret": SECRET}) == expected
    # What a file says of a secret's ends is not needed where there is the secret.
    assert told({"name": "a", "secret": SECRET, "start": "x", "last4": "y"}) == expected


def test_a_secret_is_sent_itself_if_that_is_wanted() -> None:
    line = rows(sending=True).line({"name": "a", "secret": SECRET, "start": "x", "last4": "y"})
    assert json.loads(line) == {"name": "a", "scopes": [], "tier": None, "secret": SECRET}


def test_a_digest_is_sent_as_it_is() -> None:
    record = {"name": "a", "sha256": DIGEST, "start": "prod_3ZaBcD", "last4": "…beef"}
    assert told(record) == {"name": "a", "scopes": [], "sha256": DIGEST, "start": "prod_3Za", "last4": "beef"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("PSA", ["PSA"]),
        ("PSA CRM", ["PSA", "CRM"]),
        (" PSA,CRM;Books ,; RMM ", ["PSA", "CRM", "Books", "RMM"]),
        ("", []),
        (["PSA", "CRM"], ["PSA", "CRM"]),
        (None, ["Portal"]),
        (7, 7),
    ],
)
def test_scopes(given: object, sent: object) -> None:
    assert told({"name": "a", "sha256": DIGEST, "scopes": given}, scopes=["Portal"])["scopes"] == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2030-01-31T00:00:00Z", "2030-01-31T00:00:00Z"),
        ("1893456000", "2030-01-01T00:00:00Z"),
        (1893456000, "2030-01-01T00:00:00Z"),
        ("1893456000000", "2030-01-01T00:00:00Z"),
        (1893456000500, "2030-01-01T00:00:00.500000Z"),
        ("soon", "soon"),
        ("9" * 5_000, "9" * 5_000),
        (True, True),
    ],
)
def test_expiries(given: object, sent: object) -> None:
    assert told({"name": "a", "sha256": DIGEST, "expires_at": given})["expires_at"] == sent


def test_defaults() -> None:
    record = {"name": "a", "sha256": DIGEST}
    assert told(record, tier="Professional")["tier"] == "Professional"
    assert told({**record, "tier": "Enterprise"}, tier="Professional")["tier"] == "Enterprise"
    assert "tier" not in told({**record, "tier": None})


def test_other_names() -> None:
    columns = {"secret": "api_key", "name": "label"}
    assert told({"label": "a", "api_key": SECRET}, columns=columns)["sha256"] == DIGEST
    # A name that stands for another field now is unknown, and so is one that never stood for any.
    for unknown in ("name", "secret", "plan"):
        assert refused({"label": "a", "api_key": SECRET, unknown: "x"}, columns=columns) == ""
        assert told({"label": "a", "api_key": SECRET, unknown: "x"}, columns=columns, ignoring=True)["name"] == "a"
    swapped = {"name": "note", "note": "name"}
    assert told({"name": "n", "note": "a", "sha256": DIGEST}, columns=swapped)["note"] == "n"


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"secret": "short"}, "secret"),
        ({"secret": f"{SECRET} x"}, "secret"),
        ({"secret": 7}, "secret"),
        ({"secret": SECRET, "sha256": DIGEST}, "secret"),
        ({"secret": "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"}, "secret"),
        ({"sha256": DIGEST, "expires_at": 10**40}, "expires_at"),
        ({"sha256": DIGEST, "expires_at": "9" * 16}, "expires_at"),
    ],
)
def test_what_is_refused_here(record: dict[str, Any], field: str) -> None:
    assert refused({"name": "a", **record}) == field
