"""What the key commands send to the Hub, and what they print of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

ID = "key_01h455vb4pex5vsknk084sn02q"
SECRET = "tos_ABCDEFGHIJKLMNOPQRSTUV34pbHN"
KEY: dict[str, Any] = {
    "id": ID,
    "tenant": "home",
    "name": "\x1b[31mred",
    "start": "tos_ABCD",
    "last4": "pbHN",
    "scopes": ["PSA", "Books"],
    "tier": "Standard",
    "status": "active",
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": ID,
    "expires_at": None,
    "revoked_at": None,
    "revoked_reason": None,
    "disabled": False,
    "rotated_at": None,
    "previous_secret_expires_at": None,
    "note": None,
}
HEADLINE = {"last_used_at": None, "total_requests": 7, "requests_30d": 5, "error_rate": 12.5}


def test_create_sends_what_was_asked_for(keystile: Any, hub: Any) -> None:
    hub.status, hub.body = 201, {"key": KEY, "secret": SECRET}
    args = ["--scope", "PSA", "--scope", "Books", "--tier", "Standard", "--note", "n", "--tenant", "acme"]
    result = keystile("keys", "create", "Till", *args, "--expires", "2030-01-31T00:00:00Z")
    assert result.exit_code == 0
    assert hub.asked == [
        (
            "POST",
            "/v1/keys",
            {
                "name": "Till",
                "scopes": ["PSA", "Books"],
                "tier": "Standard",
                "expires_at": "2030-01-31T00:00:00Z",
                "note": "n",
                "tenant": "acme",
            },
        )
    ]


def test_create_with_nothing_else_sends_nothing_else(keystile: Any, hub: Any) -> None:
    hub.status, hub.body = 201, {"key": KEY, "secret": SECRET}
    keystile("keys", "create", "Till", "--expires", "never")
    assert hub.asked[0][2] == {"name": "Till", "scopes": []}


@pytest.mark.parametrize("args", [["create", "Till"], ["rotate", ID]])
def test_the_secret_stands_alone_where_quiet_is_asked_for(keystile: Any, hub: Any, args: list[str]) -> None:
    hub.body = {"key": KEY, "secret": SECRET}
    assert keystile("keys", *args, "-q").stdout == SECRET + "\n"
    assert keystile("keys", *args).stdout.splitlines()[0] == SECRET
    assert json.loads(keystile("keys", *args, "--json").stdout) == hub.body


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["--name", "New"], {"name": "New"}),
        (["--scope", "CRM"], {"scopes": ["CRM"]}),
        (["--no-scopes"], {"scopes": []}),
        (["--expires", "never"], {"expires_at": None}),
        (["--disable"], {"disabled": True}),
        (["--enable"], {"disabled": False}),
        (["--note", ""], {"note": None}),
        (["--tier", "Enterprise"], {"tier": "Enterprise"}),
    ],
)
def test_update_sends_only_what_changes(keystile: Any, hub: Any, args: list[str], body: dict[str, object]) -> None:
    hub.body = KEY
    assert keystile("keys", "update", ID, *args).exit_code == 0
    assert hub.asked == [("PATCH", f"/v1/keys/{ID}", body)]


@pytest.mark.parametrize("args", [[], ["--scope", "PSA", "--no-scopes"]])
def test_update_refuses_nothing_and_contradictions(keystile: Any, hub: Any, args: list[str]) -> None:
    assert keystile("keys", "update", ID, *args).exit_code == 2
    assert hub.asked == []


def test_rotate_and_revoke(keystile: Any, hub: Any) -> None:
    hub.body = {"key": KEY, "secret": SECRET}
    keystile("keys", "rotate", ID, "--overlap", "0")
    keystile("keys", "rotate", ID, "--overlap", "1d")
    keystile("keys", "rotate", ID)
    hub.body = KEY
    keystile("keys", "revoke", ID, "--reason", "lost")
    assert [body for _, _, body in hub.asked] == [
        {"overlap_seconds": 0},
        {"overlap_seconds": 86_400},
        {},
        {"reason": "lost"},
    ]


def test_an_id_cannot_leave_its_place_in_the_address(keystile: Any, hub: Any) -> None:
    keystile("keys", "show", "key_../../tenants?x=1")
    assert hub.asked[0][1] == "/v1/keys/key_..%2F..%2Ftenants%3Fx%3D1"


def test_list_shows_keys_with_usage_and_says_when_there_are_more(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [{**KEY, "usage": HEADLINE}], "next_cursor": "abc"}
    result = keystile("keys", "list", "--status", "active", "--search", "r d", "--sort", "-name", "--limit", "1")
    path, _, query = hub.asked[0][1].partition("?")
    assert path == "/v1/keys"
    assert parse_qs(query) == {"status": ["active"], "q": ["r d"], "sort": ["-name"], "limit": ["1"]}
    for shown in (ID, r"\u001b[31mred", "tos_ABCD…pbHN", "PSA, Books", "12.5 %"):
        assert shown in result.stdout
    assert "--cursor abc" in result.stderr


def test_list_all_follows_every_page(keystile: Any, hub: Any) -> None:
    result = keystile("keys", "list", "--all", "--json")
    assert json.loads(result.stdout) == {"items": [], "next_cursor": None}
    assert hub.asked[0][1] == "/v1/keys?limit=200"


def test_show_prints_every_field(keystile: Any, hub: Any) -> None:
    hub.body = KEY
    out = keystile("keys", "show", ID).stdout
    assert all(name.replace("_", " ") in out for name in KEY)


def test_usage_of_one_key(keystile: Any, hub: Any) -> None:
    day = {"date": "2026-01-01", "requests": 5, "client_errors": 1, "server_errors": 0}
    hub.body = {**HEADLINE, "denied": {"rate_limited": 3, "revoked_key": 0}, "daily": [day], "hourly": []}
    out = keystile("keys", "usage", ID, "--days", "7").stdout
    assert hub.asked[0][1] == f"/v1/keys/{ID}/usage?days=7"
    assert "rate_limited 3" in out
    assert "2026-01-01" in out


def test_usage_of_all_keys_as_table_and_csv(keystile: Any, hub: Any) -> None:
    line = {"key_id": ID, "name": "n", "start": "s", "last4": "l", "tier": "Standard", "status": "active"}
    hub.body = {"items": [{**line, **HEADLINE}], "next_cursor": None}
    assert "12.5 %" in keystile("usage").stdout
    hub.body = b"key_id,name\r\n1,'=x\r\n"
    assert keystile("usage", "--csv").stdout_bytes == b"key_id,name\r\n1,'=x\r\n"
    assert keystile("usage", "--csv", "--json").exit_code == 2


def test_check_asks_the_hub_where_there_is_no_gate(keystile: Any, hub: Any) -> None:
    decision = {"allowed": False, "status": 429, "code": "rate_limited", "scopes": []}
    hub.body = decision
    result = keystile("check", "--scope", "PSA", "--json", input=SECRET + "\n")
    assert hub.asked == [("POST", "/v1/verify", {"key": SECRET, "scope": "PSA"})]
    assert json.loads(result.stdout) == {"decided_by": "hub", **decision}
    assert result.exit_code == 5
    assert SECRET not in result.output


@pytest.mark.parametrize(("status", "exit_code"), [(401, 4), (403, 4), (400, 4), (429, 5), (503, 6)])
def test_check_ends_with_the_decision(keystile: Any, hub: Any, status: int, exit_code: int) -> None:
    hub.body = {"allowed": False, "status": status, "code": "c"}
    secret = keystile.data / "secret"
    secret.write_text(SECRET + "\r\n")
    assert keystile("check", "--secret-file", str(secret)).exit_code == exit_code
    assert hub.asked[0][2] == {"key": SECRET}


def test_check_refuses_an_endless_secret(keystile: Any, hub: Any) -> None:
    assert keystile("check", input="x" * 70_000).exit_code == 2
    assert hub.asked == []


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["revoke", ID, "--wait"], f"/v1/keys/{ID}/revoke?wait=confirmed"),
        (["update", ID, "--disable", "--wait"], f"/v1/keys/{ID}?wait=confirmed"),
        (["rotate", ID, "--wait"], f"/v1/keys/{ID}/rotate?wait=confirmed"),
    ],
)
def test_waiting_for_every_gate_says_which_did_not_answer(keystile: Any, hub: Any, args: list[str], path: str) -> None:
    late = [{"gate": "ab12", "machine": "\x1b[31mweb-2"}]
    confirmation = {"revision": 9, "confirmed": True, "gates": 2, "waited_out": late, "unconfirmed": []}
    hub.body = {"key": KEY, "secret": SECRET} if "rotate" in args else dict(KEY)
    hub.body["confirmation"] = confirmation
    result = keystile("keys", *args)
    assert result.exit_code == 0
    assert hub.asked[0][1] == path
    assert "no gate decides without this" in result.stderr
    assert "web-2 (ab12) did not answer" in result.stderr
    assert "\x1b" not in result.stderr
    assert "revision" not in result.stdout
    hub.body["confirmation"] |= {"confirmed": False, "waited_out": [], "unconfirmed": late}
    assert "Not confirmed" in keystile("keys", *args).stderr
    assert json.loads(keystile("keys", *args, "--json").stdout) == hub.body


@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_holder_revokes_its_own_key(keystile: Any, hub: Any, tmp_path: Path, in_a_file: bool) -> None:
    hub.body = {"id": ID, "status": "revoked"}
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    where = ["--secret-file", str(file)] if in_a_file else []
    result = keystile("keys", "revoke", "--self", *where, "--reason", "Lost.", input=SECRET + "\n")
    assert result.exit_code == 0, result.output
    assert hub.asked == [("POST", "/v1/keys/self/revoke", {"reason": "Lost."})]
    assert hub.authorization == [f"Bearer {SECRET}"]
    assert SECRET not in result.output
    assert "onfirmed" not in result.stderr
    silent = keystile("keys", "revoke", "--self", *where, "--wait", input=SECRET)
    assert "Not confirmed" in silent.stderr
    hub.body |= {"confirmation": {"revision": 7, "confirmed": True, "waited_out": [], "unconfirmed": []}}
    waited = keystile("keys", "revoke", "--self", *where, "--wait", input=SECRET)
    assert hub.asked[-1] == ("POST", "/v1/keys/self/revoke?wait=confirmed", {})
    assert "Confirmed at revision 7" in waited.stderr


@pytest.mark.parametrize(
    ("args", "secret"),
    [
        ([], ""),
        ([ID, "--self"], SECRET),
        ([SECRET], ""),
        ([SECRET, "--self"], ""),
        ([ID, "--secret-file", "pyproject.toml"], ""),
    ],
)
def test_revoking_is_of_one_key_or_the_other(keystile: Any, hub: Any, args: list[str], secret: str) -> None:
    result = keystile("keys", "revoke", *args, input=secret)
    assert result.exit_code == 2
    assert SECRET not in result.output
    assert hub.asked == []


@pytest.mark.parametrize("text", ["", "two words", "\x1b[31m", "é"])
def test_what_is_no_secret_is_not_sent(keystile: Any, hub: Any, text: str) -> None:
    result = keystile("keys", "revoke", "--self", input=text)
    assert (result.exit_code, hub.asked) == (1, [])
