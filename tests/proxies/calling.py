"""Requests with raw headers, each caller from an address of its own: what no HTTP client would send goes too."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPMessage
from itertools import count
from typing import Any, NamedTuple

Headers = list[tuple[str, str]]

LONGEST_S = 30.0
_numbers = count(1)


def bearer(secret: str) -> Headers:
    """The header of a key."""
    return [("Authorization", f"Bearer {secret}")]


def fresh_address() -> str:
    """A client's address that no test has had in this process; all of 127/8 is this machine."""
    number = next(_numbers)
    return f"127.9.{number // 250}.{number % 250 + 1}"


class Answered(NamedTuple):
    """What came back. The names of headers in small letters; one that came twice fails the test."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The body of a refusal."""
        assert self.headers["content-type"] == "application/problem+json", self
        return json.loads(self.body)

    @property
    def got(self) -> dict[str, str]:
        """The headers that the application got."""
        pairs = json.loads(self.body)["headers"]
        found = {name.lower(): value for name, value in pairs}
        assert len(found) == len(pairs), pairs
        return found


class Caller:
    """A client of one proxy. Each request is a connection of its own."""

    def __init__(self, port: int, address: str | None = None) -> None:
        self._port = port
        self.address = address or fresh_address()

    def ask(
        self,
        target: str = "/api/tickets",
        headers: Headers | None = None,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Answered:
        """One request and its answer."""
        connection = HTTPConnection("127.0.0.1", self._port, LONGEST_S, source_address=(self.address, 0))
        try:
            named = any(name == "Host" for name, _ in headers or [])
            connection.putrequest(method, target, skip_host=named)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers or []:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Answered(response.status, _once(response.msg), response.read())
        finally:
            connection.close()

    def connection(self) -> socket.socket:
        """A connection to say anything on."""
        return socket.create_connection(("127.0.0.1", self._port), LONGEST_S, source_address=(self.address, 0))


def _once(message: HTTPMessage) -> dict[str, str]:
    found = {name.lower(): value for name, value in message.items()}
    assert len(found) == len(message), message.items()
    return found
