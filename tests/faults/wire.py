"""Enough of PostgreSQL's wire protocol to know where an answer begins, and which one says that a COMMIT is done."""

from __future__ import annotations

import struct

_ASKS_FOR_ENCRYPTION = {80877103, 80877104}
"""Requests before the start, for TLS and GSSAPI. Each is answered with one byte that is no message."""
_COMMITTED = b"COMMIT\0"


class Client:
    """Follows what a client sends until its connection has started: how many one-byte answers are due."""

    def __init__(self) -> None:
        self._held = b""
        self._started = False
        self.bytes_due = 0

    def feed(self, data: bytes) -> None:
        """Look at the next bytes."""
        if self._started:
            return
        self._held += data
        while len(self._held) >= 8:
            length, code = struct.unpack_from("!II", self._held)
            if code not in _ASKS_FOR_ENCRYPTION:
                self._started, self._held = True, b""
                return
            self.bytes_due += 1
            self._held = self._held[length:]


class Server:
    """Cuts what a server sends into whole messages."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._held = b""

    @property
    def waiting(self) -> bytes:
        """The beginning of a message whose end has not come yet."""
        return self._held

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete with these bytes; the rest waits for more."""
        self._held += data
        messages = []
        while self._held:
            if self._client.bytes_due:
                self._client.bytes_due -= 1
                length = 1
            elif len(self._held) < 5:
                break
            else:
                length = 1 + int.from_bytes(self._held[1:5], "big")
            if len(self._held) < length:
                break
            messages.append(self._held[:length])
            self._held = self._held[length:]
        return messages


def is_commit(message: bytes) -> bool:
    """Whether a message is the server's word that a transaction is committed."""
    return message[:1] == b"C" and message[5:] == _COMMITTED


def is_row(message: bytes) -> bool:
    """Whether a message is one row of an answer."""
    return message[:1] == b"D"
