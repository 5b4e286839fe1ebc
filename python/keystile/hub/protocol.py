"""uvicorn's HTTP protocol, which answers forward authentication as soon as a request's headers are there.

A proxy asks before each request that it serves. That answer waits for nothing: a task, ASGI's messages and a pass over
each header in Python would cost several times what the decision does. Everything else goes the usual way.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Event
from http import HTTPStatus
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from keystile._core import header_lines
from keystile.hub.authz import PATH, Authz, query_of
from keystile.hub.wire import Answer, Scope

_PATH = PATH.encode()
_STATUS_LINES = {int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class _Answered:
    """What stands for a request that was answered at once: the rest of it is not looked at."""

    response_complete = True
    message_event = Event()  # nobody waits for it


_ANSWERED = cast("RequestResponseCycle", _Answered())


class HubProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        authz: Authz | None = getattr(config.loaded_app, "authz", None)
        # What is not done here: logs of accesses, limits on connections, and a path in front of ours.
        special = self.access_log or self.limit_concurrency is not None or self.root_path
        self._authz = None if special else authz

    def on_headers_complete(self) -> None:
        """A request's headers are there."""
        if self._authz is None or not self.url.startswith(_PATH) or not self._is_plain():
            super().on_headers_complete()
            return
        scope = cast("Scope", self.scope)
        path, _, query = self.url.partition(b"?")
        asked = query_of(path, query)
        if asked is None:
            super().on_headers_complete()
            return
        scope["query_string"] = asked
        stays = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        try:
            lines = self._lines(self._authz.answer(scope), stays=stays)
        except Exception:  # noqa: BLE001 - whatever it is: asked again the usual way, it is logged and answered
            super().on_headers_complete()
            return
        self.cycle = _ANSWERED
        self.transport.write(lines)
        if not stays:
            self.transport.close()
        self.on_response_complete()

    def _is_plain(self) -> bool:
        """Whether an answer may be written now, and the address needs no parsing."""
        is_next = self.cycle is None or self.cycle.response_complete
        if not is_next or self.flow.write_paused or self.parser.should_upgrade():
            return False
        return self.url.isascii() and b"#" not in self.url

    def _lines(self, answer: Answer, *, stays: bool) -> bytes:
        status, headers, body, decision = answer
        lines = [_STATUS_LINES[status], header_lines(self.server_state.default_headers), header_lines(headers)]
        if decision is not None:
            lines.append(decision.header_lines)
        lines.append(b"\r\n" if stays else b"connection: close\r\n\r\n")
        if body and self.parser.get_method() != b"HEAD":
            lines.append(body)
        return b"".join(lines)
