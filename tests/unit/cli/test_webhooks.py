"""What the webhook commands send to the Hub, and what they print of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keystile.cli.webhooks import EVENTS
from keystile.store import webhooks

ID = "wh_01h455vb4pex5vsknk084sn02q"
MESSAGE = "msg_0123456789abcdef0123456789abcdef"
WEBHOOK: dict[str, Any] = {
    "id": ID,
    "tenant": "home",
    "url": "https://example.com/\x1b[31m",
    "events": ["key.created", "key.revoked"],
    "note": None,
    "disabled": False,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "key_01h455vb4pex5vsknk084sn02q",
    "rotated_at": None,
    "previous_secret_expires_at": None,
}
SECRET = "whsec_AAAA"
DELIVERY: dict[str, Any] = {
    "id": MESSAGE,
    "webhook_id": ID,
    "key_id": None,
    "event": "webhook.test",
    "status": "failed",
    "attempts": 10,
    "next_attempt_at": None,
    "last_attempt_at": None,
    "last_status": 503,
    "last_error": "The answer was 503.",
    "created_at": "2026-01-01T00:00:00Z",
    "ended_at": "2026-01-04T00:00:00Z",
}


def test_the_events_are_those_there_are() -> None:
    assert EVENTS == webhooks.EVENTS


def test_list(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [WEBHOOK], "next_cursor": None}
    result = keystile("webhooks", "list", "--tenant", "acme")
    assert hub.asked == [("GET", "/v1/webhooks?tenant=acme&limit=200", None)]
    assert "https://example.com/\\u001b[31m" in result.stdout
    assert json.loads(keystile("webhooks", "list", "--json").stdout) == hub.body


@pytest.mark.parametrize(
    ("args", "call", "body"),
    [
        (["create", "https://a.example/"], "", {"url": "https://a.example/", "events": list(EVENTS)}),
        (
            ["create", "https://a.example/", "--event", "key.revoked", "--note", "x", "--tenant", "acme"],
            "",
            {"url": "https://a.example/", "events": ["key.revoked"], "note": "x", "tenant": "acme"},
        ),
        (["rotate", ID], f"/{ID}/rotate", {}),
        (["rotate", ID, "--overlap", "1h"], f"/{ID}/rotate", {"overlap_seconds": 3_600}),
    ],
)
def test_a_secret_is_the_first_line(keystile: Any, hub: Any, args: list[str], call: str, body: dict[str, Any]) -> None:
    hub.body = {"webhook": WEBHOOK, "secret": SECRET}
    result = keystile("webhooks", *args)
    assert result.exit_code == 0, result.output
    assert hub.asked == [("POST", f"/v1/webhooks{call}", body)]
    assert result.stdout.splitlines()[:2] == [SECRET, ""]
    assert "this once" in result.stderr
    assert keystile("webhooks", *args, "-q").stdout == f"{SECRET}\n"
    assert json.loads(keystile("webhooks", *args, "--json").stdout) == hub.body


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["--to", "https://b.example/"], {"url": "https://b.example/"}),
        (["--event", "key.revoked", "--event", "key.unusual"], {"events": ["key.revoked", "key.unusual"]}),
        (["--note", "", "--disable"], {"note": None, "disabled": True}),
        (["--enable"], {"disabled": False}),
    ],
)
def test_update(keystile: Any, hub: Any, args: list[str], body: dict[str, Any]) -> None:
    hub.body = WEBHOOK
    result = keystile("webhooks", "update", ID, *args)
    assert hub.asked == [("PATCH", f"/v1/webhooks/{ID}", body)]
    assert "\\u001b" in result.stdout


def test_delete(keystile: Any, hub: Any) -> None:
    hub.status, hub.body = 204, b""
    assert keystile("webhooks", "delete", ID).stdout == ""
    assert hub.asked == [("DELETE", f"/v1/webhooks/{ID}", None)]
    assert json.loads(keystile("webhooks", "delete", ID, "--json").stdout) == {"id": ID, "deleted": True}


def test_deliveries_are_listed_and_made_again(keystile: Any, hub: Any) -> None:
    hub.body = {"items": [DELIVERY], "next_cursor": "more"}
    result = keystile("webhooks", "deliveries", ID, "--status", "failed", "--limit", "1")
    assert hub.asked == [("GET", f"/v1/webhooks/{ID}/deliveries?status=failed&limit=1", None)]
    assert "The answer was 503." in result.stdout
    assert "--cursor more" in result.stderr
    assert json.loads(keystile("webhooks", "deliveries", ID, "--json").stdout) == hub.body
    hub.body = DELIVERY
    assert MESSAGE in keystile("webhooks", "deliveries", ID, "--retry", MESSAGE).stdout
    assert hub.asked[-1] == ("POST", f"/v1/webhooks/{ID}/deliveries/{MESSAGE}/retry", {})
    assert keystile("webhooks", "test", ID).exit_code == 0
    assert hub.asked[-1] == ("POST", f"/v1/webhooks/{ID}/test", {})


@pytest.mark.parametrize(
    "args",
    [
        ["show", "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"],
        ["update", ID],
        ["create", "https://a.example/", "--event", "key.lost"],
        ["delete"],
    ],
)
def test_wrong_usage_sends_nothing(keystile: Any, hub: Any, args: list[str]) -> None:
    assert keystile("webhooks", *args).exit_code == 2
    assert hub.asked == []
