"""Bad webhooks: each is refused, names what is wrong, and stores nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from world import World

from tests.contract.refusing import refused

WEBHOOKS = "/v1/webhooks"


def hook(**fields: Any) -> bytes:
    """The body of a webhook that would be fine but for these fields."""
    return json.dumps({"url": "https://hooks.example/x", "events": ["key.revoked"]} | fields).encode()


WRONG_URLS = [
    "",
    " https://hooks.example/",
    "https://hooks.example/\n",
    "https://hooks.example/\x7f",
    "https://hooks.example/ x",
    "https:\\\\hooks.example",
    "http://hooks.example/",
    "HTTPS://hooks.example/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/",
    "javascript:alert(1)",
    "//hooks.example/",
    "https://",
    "https:///path",
    "https://:443/",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:x/",
    "https://user@hooks.example/",
    "https://user:password@hooks.example/",
    "https://@hooks.example/",
    "https://hooks.example/#fragment",
    "https://hooks.example/#",
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0.0.0.0/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fc00::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::1/",
    "https://\u2488.example/",
    "https://hooks.example/" + "x" * 2_000,
]


@pytest.mark.parametrize("url", WRONG_URLS)
async def test_wrong_urls(world: World, url: str) -> None:
    assert await refused(world, "POST", WEBHOOKS, hook(url=url), 422, "invalid_request") == {"url"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{}", {"url", "events"}),
        (
            hook(url=1, events="key.revoked", note=1, tenant=1, secret="x"),
            {"url", "events", "note", "tenant", "secret"},
        ),
        (hook(events=[]), {"events"}),
        (hook(events=["key.revoked", "key.lost"]), {"events[1]"}),
        (hook(events=["webhook.test"]), {"events[0]"}),
        (hook(events=["key.revoked", "key.revoked"]), {"events[1]"}),
        (hook(note="x" * 1_001), {"note"}),
        (hook(note="\x00"), {"note"}),
        (hook(disabled=True), {"disabled"}),
        (hook(id="wh_01jdxz5k6mfq8r9s0tvwxyz012"), {"id"}),
    ],
)
async def test_wrong_webhooks(world: World, body: bytes, fields: set[str]) -> None:
    assert await refused(world, "POST", WEBHOOKS, body, 422, "invalid_request") == fields
