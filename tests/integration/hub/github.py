"""Stands in for GitHub, which signs its reports of leaked secrets."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class GitHub:
    """Serves the list of its keys, and signs reports with the newest of them."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.asked = 0
        self.broken: bytes | None = None
        self.rotate()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/meta/public_keys/secret_scanning"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def rotate(self) -> None:
        self.newest = hashlib.sha256(b"%d" % len(self.keys)).hexdigest()
        self.keys[self.newest] = ec.generate_private_key(ec.SECP256R1())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def signed(self, raw: bytes, identifier: str | None = None, key: Any = None) -> dict[str, str]:
        """The headers of a report."""
        identifier = identifier or self.newest
        signature = (key or self.keys[identifier]).sign(raw, ec.ECDSA(SHA256()))
        return {
            "Content-Type": "application/json",
            "Github-Public-Key-Identifier": identifier,
            "Github-Public-Key-Signature": base64.b64encode(signature).decode(),
        }

    def _list(self) -> bytes:
        if self.broken is not None:
            return self.broken
        entries = [
            {
                "key_identifier": identifier,
                "key": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
                "is_current": identifier == self.newest,
            }
            for identifier, key in self.keys.items()
        ]
        return json.dumps({"public_keys": entries}).encode()

    def _handler(github: GitHub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github.asked += 1
                content = github._list()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
                """Be quiet."""

        return Handler
