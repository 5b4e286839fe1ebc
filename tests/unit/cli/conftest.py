"""A command line to call, and a Hub that answers whatever a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keystile.cli.main import cli

HUB_KEY = "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"


class CannedHub:
    """Answers every request with `status` and `body`, and remembers what it was asked.

    A `body` that can be called is, with the JSON that came, or the list of those lines.
    """

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"items": [], "next_cursor": None}
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.authorization: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(hub: CannedHub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                is_lines = self.headers.get("Content-Type") == "application/x-ndjson"
                document = [json.loads(line) for line in raw.splitlines()] if is_lines else json.loads(raw or b"null")
                hub.asked.append((self.command, self.path, document))
                hub.authorization.append(self.headers.get("Authorization"))
                answer = hub.body(document) if callable(hub.body) else hub.body
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(hub.status)
                for name, value in hub.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
                """Be quiet."""

        return Handler


class CommandLine:
    """Calls `keystile` with a data folder of its own, as a person with the operator's key would."""

    def __init__(self, data: Path, hub: CannedHub) -> None:
        self.data = data
        self.hub = hub
        (data / "operator.key").write_text(HUB_KEY + "\n")
        (data / "address").write_text(hub.url + "\n")

    def __call__(self, *args: str, input: str | None = None) -> Result:  # noqa: A002 - as CliRunner's
        return CliRunner().invoke(cli, ["--data", str(self.data), *args], input=input, prog_name="keystile")


@pytest.fixture
def hub() -> Iterator[CannedHub]:
    hub = CannedHub()
    yield hub
    hub.close()


@pytest.fixture
def keystile(tmp_path: Path, hub: CannedHub, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    return CommandLine(data, hub)
