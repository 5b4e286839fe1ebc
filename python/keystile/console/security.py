"""The headers of every answer of the console."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items())

_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under that, browsers send `Origin: null` with a page's own form posts (Fetch, "append a
    # request `Origin` header"), and a check for requests from other sites could not tell its own forms from theirs.
    # Other sites learn nothing from `same-origin` either.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

PAGE_HEADERS: Mapping[str, str] = MappingProxyType({**_ALWAYS, "Cache-Control": "no-store"})
"""For pages, redirects and errors: none of them is kept by a browser or a proxy."""

STATIC_HEADERS: Mapping[str, str] = MappingProxyType(
    {**_ALWAYS, "Cache-Control": "public, max-age=31536000, immutable"}
)
"""For files whose URL holds the hash of their content."""
