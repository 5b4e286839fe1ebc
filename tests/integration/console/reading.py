"""Reading pages as tests do: what is sent by their forms, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx

Key = dict[str, Any]


class _Fields(HTMLParser):
    """The hidden fields, and the addresses that links and forms lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "input" and found.get("type") == "hidden":
            self.hidden[found["name"]] = found["value"]
        self.targets |= {found[name] for name in ("href", "action") if name in found}


def path_of(key: Key, *rest: str) -> str:
    """A page about a key."""
    return "/".join(("/console/t", key["tenant"], "keys", key["id"], *rest))


def hidden(text: str) -> dict[str, str]:
    """What the page's forms carry along."""
    return _parsed(text).hidden


def steps(text: str, key: Key) -> set[str]:
    """What the page offers to do with a key."""
    base = path_of(key) + "/"
    return {target.removeprefix(base) for target in _parsed(text).targets if target.startswith(base)}


async def asked(browser: httpx.AsyncClient, key: Key, *rest: str) -> dict[str, str]:
    """The hidden fields of a form's page."""
    answer = await browser.get(path_of(key, *rest))
    assert answer.status_code == 200, answer.text
    return hidden(answer.text)


def every(key: Key) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every call about a key: method, path, and a form that would do."""
    for rest in ([], ["figures"], ["confirmation"], ["edit"], ["rotate"], ["rotate", "end"], ["revoke"]):
        yield "GET", path_of(key, *rest), {}
    for rest in (["disable"], ["enable"], ["rotate", "end"]):
        yield "POST", path_of(key, *rest), {}
    yield "POST", path_of(key, "revoke"), {"reason": ""}
    yield "POST", path_of(key, "edit"), {"name": "x", "tier": "Standard", "state": ""}
    yield "POST", path_of(key, "rotate"), {"overlap": "0", "state": ""}


def _parsed(text: str) -> _Fields:
    parser = _Fields()
    parser.feed(text)
    return parser
