"""Where a client found us, as far as it and trusted proxies say."""

from __future__ import annotations

import pytest

from keystile.client_address import TrustedProxies


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([("host", "a.example")], "http://a.example"),
        ([("host", "a.example:8443")], "http://a.example:8443"),
        ([("host", "[::1]:8080")], "http://[::1]:8080"),
        ([("host", "in.side"), ("x-forwarded-host", "b.example")], "http://b.example"),
        ([("host", "a.example"), ("x-forwarded-proto", "https")], "https://a.example"),
        ([("host", "a.example"), ("x-forwarded-host", "b.example, c.example")], None),
        ([("host", "a.example"), ("host", "b.example")], None),
        ([("host", "a.example/$(x)")], None),
        ([("host", "a.example\n")], "http://a.example"),
        ([("host", "")], None),
        ([], None),
    ],
)
def test_the_address_behind_a_trusted_proxy(headers: list[tuple[str, str]], address: str | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"scheme": "http", "client": ("10.1.2.3", 1), "headers": raw}
    assert TrustedProxies(["10.0.0.0/8"]).address(scope) == address


def test_others_cannot_say_where_they_found_us() -> None:
    raw = [(b"host", b"a.example"), (b"x-forwarded-host", b"b.example"), (b"x-forwarded-proto", b"https")]
    scope = {"scheme": "http", "client": ("192.0.2.1", 1), "headers": raw}
    assert TrustedProxies(["10.0.0.0/8"]).address(scope) == "http://a.example"
    assert TrustedProxies().address(scope) == "http://a.example"
    assert TrustedProxies().address({**scope, "scheme": "https"}) == "https://a.example"
