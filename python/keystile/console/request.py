"""The request as the console's pages see it."""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

from keystile.client_address import TrustedProxies
from keystile.console import forms
from keystile.console.shell import THEME_COOKIE, Theme, theme_of
from keystile.hub.context import SESSION_KEY
from keystile.hub.requests import HubRequest, check_media_type
from keystile.hub.sessions import cookies
from keystile.hub.sessions.service import Visitor
from keystile.hub.wire import Scope

_Form = TypeVar("_Form", bound=msgspec.Struct)


class ConsoleRequest(HubRequest):
    """Knows forms, cookies and whether the browser speaks HTTPS."""

    async def decoded(self, kind: type[_Form]) -> _Form:
        """The form that was sent. WrongMediaType or Invalid."""
        check_media_type(self.scope["headers"], forms.MEDIA_TYPE)
        return forms.decode(await self.body(), kind)

    @property
    def has_session(self) -> bool:
        """Whether the browser shows a session, be it good or over."""
        return bool(self.session_digest)

    @property
    def session_digest(self) -> bytes:
        """What the database keeps of this session; empty without one."""
        digest: bytes = self.scope["state"][SESSION_KEY]
        return digest

    @property
    def theme(self) -> Theme:
        """The theme that the reader has chosen."""
        return theme_of(self.cookies.get(THEME_COOKIE))

    @property
    def _raw(self) -> Scope:
        # Litestar spells the ASGI types out as typed dictionaries.
        return cast("Scope", self.scope)

    def is_https(self, proxies: TrustedProxies) -> bool:
        """Whether the browser speaks HTTPS, with us or with a trusted proxy."""
        return proxies.is_https(self._raw)

    def address(self, proxies: TrustedProxies) -> str | None:
        """Where the browser found us, such as `https://keys.example.com`; None if it did not say."""
        return proxies.address(self._raw)

    def visitor(self, proxies: TrustedProxies) -> Visitor:
        """Who is at the door."""
        return Visitor(
            client=proxies.client(self._raw),
            device=cookies.read(self._raw, cookies.DEVICE, secure=self.is_https(proxies)),
            request_id=self.scope["state"]["request_id"],
        )
