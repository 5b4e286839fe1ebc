"""Whether a request comes from the console's own pages: the defence against requests that another site forges.

`Sec-Fetch-Site`, which no page can set, decides; browsers leave it out over plain HTTP, where `Origin` decides.
Source: OWASP, "Cross-Site Request Forgery Prevention", Fetch Metadata with a fallback to Origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from keystile.hub.wire import Scope

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_ours(scope: Scope) -> bool:
    """Whether the request is safe, or shows that one of our own pages sent it; without a sign it does not."""
    if scope["method"] in SAFE:
        return True
    site = _only(scope, b"sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = _only(scope, b"origin"), _only(scope, b"host")
    if origin is None or host is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _only(scope: Scope, name: bytes) -> str | None:
    """A header's value; an empty one if it is given twice, which equals nothing."""
    values = [value for header, value in scope["headers"] if header == name]
    if not values:
        return None
    return values[0].decode("latin-1") if len(values) == 1 else ""
