"""What the operator commands send to the Hub, and what they print of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

ID = "op_01h455vb4pex5vsknk084sn02q"
OPERATOR: dict[str, Any] = {
    "id": ID,
    "tenant": "home",
    "email": "ada\x1b[31m@example.com",
    "role": "admin",
    "has_password": False,
    "disabled": False,
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "key_01h455vb4pex5vsknk084sn02q",
    "last_signed_in_at": None,
}
LINK = {"operator": OPERATOR, "path": "/console/link/abc", "expires_at": "2026-01-01T00:15:00Z"}


def test_list(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [OPERATOR], "next_cursor": None}
    result = keystile("operators", "list", "--tenant", "acme")
    assert hub.asked == [("GET", "/v1/operators?tenant=acme&limit=200", None)]
    assert "ada\\u001b[31m@example.com" in result.stdout
    assert json.loads(keystile("operators", "list", "--json").stdout) == hub.body


@pytest.mark.parametrize(
    ("args", "call", "body"),
    [
        (["add", "ada@example.com", "--role", "admin"], "", {"email": "ada@example.com", "role": "admin"}),
        (
            ["add", "a@b", "--role", "owner", "--tenant", "acme"],
            "",
            {"email": "a@b", "role": "owner", "tenant": "acme"},
        ),
        (["link", ID], f"/{ID}/link", {}),
    ],
)
def test_a_link_is_a_whole_url_on_the_first_line(
    keystile: Any, hub: Any, args: list[str], call: str, body: dict[str, Any]
) -> None:
    hub.status, hub.body = 201, LINK
    result = keystile("operators", *args)
    assert result.exit_code == 0
    assert hub.asked == [("POST", f"/v1/operators{call}", body)]
    url, blank, *record = result.stdout.splitlines()
    assert (url, blank) == (f"{hub.url}/console/link/abc", "")
    assert ID in record[0]
    assert "15 minutes" in result.stderr
    assert keystile("operators", *args, "-q").stdout == f"{url}\n"
    assert json.loads(keystile("operators", *args, "--json").stdout) == {**LINK, "url": url}


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["disable", ID], {"disabled": True}),
        (["enable", ID], {"disabled": False}),
        (["role", ID, "viewer"], {"role": "viewer"}),
    ],
)
def test_changes(keystile: Any, hub: Any, args: list[str], body: dict[str, Any]) -> None:
    hub.body = OPERATOR
    result = keystile("operators", *args)
    assert hub.asked == [("PATCH", f"/v1/operators/{ID}", body)]
    assert "\\u001b" in result.stdout
    assert json.loads(keystile("operators", *args, "--json").stdout) == OPERATOR


def test_an_operator_may_be_named_by_address(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [{**OPERATOR, "email": "ada@example.com"}], "next_cursor": None, **OPERATOR}
    assert keystile("operators", "disable", "Ada@Example.com", "--tenant", "acme").exit_code == 0
    assert hub.asked == [
        ("GET", "/v1/operators?tenant=acme&limit=200", None),
        ("PATCH", f"/v1/operators/{ID}", {"disabled": True}),
    ]
    assert keystile("operators", "disable", "bob@example.com").exit_code == 3


@pytest.mark.parametrize(
    "args",
    [
        ["link", "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"],
        ["link", "key_01h455vb4pex5vsknk084sn02q"],
        ["role", ID, "king"],
        ["add", "a@b"],
        ["add", "a@b", "--role", "king"],
    ],
)
def test_wrong_usage_sends_nothing(keystile: Any, hub: Any, args: list[str]) -> None:
    assert keystile("operators", *args).exit_code == 2
    assert hub.asked == []


@pytest.mark.parametrize(("status", "exit_code"), [(403, 4), (404, 3), (409, 1), (422, 1)])
def test_refusals_end_with_their_exit_code(keystile: Any, hub: Any, status: int, exit_code: int) -> None:
    hub.status, hub.body = status, {"title": "T", "detail": "A tenant keeps at least one owner."}
    result = keystile("operators", "disable", ID)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert "at least one owner" in result.stderr
