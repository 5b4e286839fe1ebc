"""A receiver of webhooks: a real HTTP server that checks every signature with Standard Webhooks' own library."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook

Behave = Callable[[BaseHTTPRequestHandler, dict[str, Any]], int | None]


class Received(NamedTuple):
    """One request: its headers, its body, and how it was answered."""

    id: str
    event: dict[str, Any]
    headers: dict[str, str]
    raw: bytes
    status: int | None
    at_s: float

    @property
    def what(self) -> tuple[str, str | None]:
        """The event's type and the key it is about."""
        return self.event["type"], self.event["data"].get("key", {}).get("id")


class Receiver:
    """Listens on a port of its own; `behave` says which status a request gets, None: it was answered already."""

    def __init__(self, port: int = 0) -> None:
        self.secrets: list[str] = []
        """Every signature must be one of each of these secrets."""
        self.received: list[Received] = []
        self.faults: list[str] = []
        self.behave: Behave = lambda *_: 204
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answered(self, status: int = 204) -> list[Received]:
        """What was answered so."""
        return [one for one in self.received if one.status == status]

    def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                event = json.loads(raw)
                for secret in receiver.secrets:
                    try:
                        Webhook(secret).verify(raw, headers)
                    except Exception as error:  # noqa: BLE001 - whatever it complains of
                        receiver.faults.append(f"{error!r} of {event}")
                status = receiver.behave(self, event)
                receiver.received.append(Received(headers["webhook-id"], event, headers, raw, status, time.monotonic()))
                if status is not None:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def do_GET(self) -> None:
                receiver.faults.append(f"a GET of {self.path}")
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
                """Be quiet."""

        return Handler
