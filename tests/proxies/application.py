"""An application behind a proxy: it tells what it got, and answers as it is asked to."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FINISHED = b"and good-bye"
CUT = 0
"""The status with which it ends the connection and answers nothing."""


class Application(ThreadingHTTPServer):
    """`?status=503` answers with that status, and further parameters are headers of the answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        """The targets of all requests that came through, as they were written."""
        self.upgrades: list[list[str]] = []
        """What each of them asked to upgrade to."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A proxy that goes away is none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Application

    def do_GET(self) -> None:
        """Answer any method."""
        self.server.asked.append(self.requestline.split()[1])  # in `path` double slashes are gone
        self.server.upgrades.append([value.lower() for value in self.headers.get_all("upgrade", [])])
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("upgrade", "").lower() == "websocket":
            self._upgrade()
            return
        got = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body_bytes": len(body)}
        asked = dict(parse_qsl(urlsplit(self.path).query))
        status = int(asked.pop("status", 200))
        if status == CUT:
            self.close_connection = True
            return
        self._answer(status, asked, b"" if status == 204 else json.dumps(got).encode())

    def __getattr__(self, name: str) -> Any:
        """Any method is answered like GET; the base class looks for `do_POST` and the like."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)  # without a `Server`, which a proxy may have too
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _upgrade(self) -> None:
        """Switch, say whose it is, and send back what comes until it is over. No frames: to a proxy it is bytes."""
        key = self.headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
        self.send_response_only(101)
        self.send_header("sec-websocket-accept", b64encode(sha1(key).digest()).decode())
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        self.end_headers()
        self.wfile.write(self.headers.get("x-keystile-key-id", "nobody").encode() + b"\n")
        while (line := self.rfile.readline()) and line.strip() != FINISHED:
            self.wfile.write(line)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """It is quiet."""


@contextmanager
def serving() -> Iterator[Application]:
    """An application that runs."""
    with Application() as application:
        threading.Thread(target=application.serve_forever, args=(0.05,), daemon=True).start()
        yield application
        application.shutdown()
