"""What is asked for a webhook, checked before any name is looked up; that comes with each delivery."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import httpx

from keystile.hub.errors import Faults
from keystile.hub.text import has_controls
from keystile.hub.webhooks.addresses import Reach

URL_CHARS = 2000


def check_url(faults: Faults, url: str, reach: Reach) -> str:
    """A URL that can be sent to, as it is. Plain HTTP only where there are private networks to be reached."""
    complaint = _complaint(url, reach)
    if complaint is not None:
        faults.add("url", complaint)
    return url


def check_events(faults: Faults, events: Sequence[str]) -> list[str]:
    """At least one, and each once."""
    if not events:
        faults.add("events", "Name at least one event.")
    for position, event in enumerate(events):
        if event in events[:position]:
            faults.add(f"events[{position}]", "This event is named twice.")
    return list(events)


def _complaint(url: str, reach: Reach) -> str | None:
    if not 1 <= len(url) <= URL_CHARS:
        return f"Use 1 to {URL_CHARS} characters."
    if has_controls(url) or any(char.isspace() for char in url) or "\\" in url:
        return "White space, backslashes and control characters are not allowed."
    try:
        target = httpx.URL(url)
        host = target.raw_host.decode("ascii").strip("[]")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        host = ""
    if not host or (target.port is not None and not 0 < target.port <= 65_535):
        return "This is not a URL."
    return _wrong_part(url, target, reach) or (None if _may_be(host, reach) else "This address may not be reached.")


def _wrong_part(url: str, target: httpx.URL, reach: Reach) -> str | None:
    schemes = ("https", "http") if reach else ("https",)
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return f"Use {' or '.join(f'{scheme}://' for scheme in schemes)}."
    if "@" in url.split("/", 3)[2] or target.userinfo or "#" in url:
        return "A user name, a password or a fragment is not allowed."
    return None


def _may_be(host: str, reach: Reach) -> bool:
    """Whether a host may turn out to be allowed: any name may, until it is looked up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return reach.allows(host)
