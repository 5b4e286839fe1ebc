"""Static files and their URLs."""

from __future__ import annotations

import hashlib

import pytest

from keystile.console.assets import ASSETS, PREFIX, served, url_of
from keystile.console.security import PAGE_HEADERS, STATIC_HEADERS


def test_a_url_holds_the_hash_of_the_content() -> None:
    for name, asset in ASSETS.items():
        assert hashlib.sha256(asset.body).hexdigest()[:16] in url_of(name)
        assert served(url_of(name).removeprefix(PREFIX)) == asset


def test_there_is_what_the_pages_need() -> None:
    assert set(ASSETS) == {"console.css", "console.js", "htmx.min.js", "icon.svg", "live.js"}
    assert ASSETS["console.css"].media_type.startswith("text/css")


@pytest.mark.parametrize("name", ["console.css", "console.0000000000000000.css", "../security.py", "", "VENDORED.md"])
def test_nothing_else_is_served(name: str) -> None:
    assert served(name) is None


def test_style_sheet_and_script_ask_for_nothing_that_the_policy_forbids() -> None:
    style = ASSETS["console.css"].body.decode()
    assert "url(" not in style
    assert "@import" not in style
    script = ASSETS["console.js"].body.decode()
    assert not [
        word for word in ("eval(", "innerHTML =", "Function(", ".style.", "http:", "https://") if word in script
    ]


def test_pages_are_not_kept_and_files_are_kept_for_ever() -> None:
    assert PAGE_HEADERS["Cache-Control"] == "no-store"
    assert "immutable" in STATIC_HEADERS["Cache-Control"]
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
