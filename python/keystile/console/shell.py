"""What stands around a page: who is signed in, which tenant is shown, and what there is to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Theme = Literal["light", "dark", "system"]
Tone = Literal["info", "success", "warning", "danger"]

_THEMES: dict[str, Theme] = {"light": "light", "dark": "dark"}

THEME_COOKIE = "keystile_theme"
"""Set by the script; read by the server, so that a page has its colours before it is first drawn."""


class Link(Struct, frozen=True):
    """A link of a menu; `current` marks where the reader is."""

    text: str
    href: str
    current: bool = False


class Message(Struct, frozen=True):
    """One sentence about what has just been done, above the page, and a link to what it was done to."""

    text: str
    tone: Tone = "success"
    link: Link | None = None


class Shell(Struct, frozen=True, kw_only=True):
    """The frame of a page for a signed-in operator. Hrefs are paths on this server."""

    operator: str
    role: str
    tenant: str
    home_href: str
    sign_out_href: str
    nav: Sequence[Link]
    tenants: Sequence[Link] = ()
    account: Sequence[Link] = ()
    messages: Sequence[Message] = ()
    theme: Theme = "system"


def theme_of(cookie: str | None) -> Theme:
    """The theme that a cookie asks for; anything else than one of the words is the system's."""
    return _THEMES.get(cookie or "", "system")
