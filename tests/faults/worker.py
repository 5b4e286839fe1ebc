"""An application's worker: it has its machine's gate and no database, and checks its secrets in a loop.

`python -m tests.faults.worker`: its orders come as lines of JSON on stdin, the first an `Orders`, each further one
`{"number": …, "secret": …}` to check as well, or without a secret no longer. It ends when stdin does.
"""

from __future__ import annotations

import os
import select
import signal
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random

import msgspec

from keystile.attachment import Attachment
from keystile.process import die_with_parent
from tests.faults.log import Log


class Orders(msgspec.Struct):
    """What a worker must know."""

    parent: int
    segment: str
    log: str
    gate: int
    pause_ms: float
    """About how long it rests between two rounds."""
    secrets: dict[int, str] = {}
    url: str | None = None
    """A Hub to ask over HTTP, instead of the gate in this process."""


class Change(msgspec.Struct):
    """One secret more, or one less."""

    number: int
    secret: str | None = None


class Lines:
    """What has arrived on stdin, without waiting for it."""

    def __init__(self) -> None:
        self._held = b""
        self.ended = False

    def first(self) -> bytes:
        """The first line, waited for."""
        lines: list[bytes] = []
        while not lines and not self.ended:
            select.select([0], [], [])
            lines = self.more(most=1)
        return lines[0]

    def more(self, most: int = -1) -> list[bytes]:
        """The lines that are complete by now."""
        if select.select([0], [], [], 0)[0]:
            data = os.read(0, 1_048_576)
            self.ended = not data
            self._held += data
        *lines, self._held = self._held.split(b"\n", most)
        return lines


def main() -> None:
    """Check until stdin ends."""
    lines = Lines()
    orders = msgspec.json.decode(lines.first(), type=Orders)
    die_with_parent(signal.SIGKILL, parent=orders.parent)
    secrets = orders.secrets
    log = Log(Path(orders.log), orders.gate)
    asker = Application(orders.segment, log) if orders.url is None else Caller(orders.url, log)
    random = Random(orders.log)
    while not lines.ended:
        for number, secret in secrets.items():
            asker.ask(number, secret)
        time.sleep(random.random() * 2 * orders.pause_ms / 1_000)
        for line in lines.more():
            change = msgspec.json.decode(line, type=Change)
            if change.secret is None:
                secrets.pop(change.number, None)
            else:
                secrets[change.number] = change.secret


class Application:
    """Asks its machine's gate, as a middleware does."""

    def __init__(self, segment: str, log: Log) -> None:
        self._attachment = Attachment(path=segment)
        self._log = log

    def ask(self, number: int, secret: str) -> None:
        """One request."""
        self._log.begin(number)
        gate = self._attachment.ensure()
        if gate is None:
            self._log.end(number, "no_gate")
            return
        code = gate.check(secret).code
        self._log.end(number, code)
        if code == "gate_stale":
            self._attachment.renew()


class Caller:
    """Asks a Hub, as a proxy does, over a connection that it keeps."""

    def __init__(self, url: str, log: Log) -> None:
        self._client = HTTPConnection(url.removeprefix("http://"), timeout=30)
        self._log = log

    def ask(self, number: int, secret: str) -> None:
        """One request; one that is cut off has no answer, and may have been counted."""
        try:
            if self._client.sock is None:
                self._client.connect()
        except OSError:
            return
        self._log.begin(number)
        try:
            self._client.request("GET", "/v1/authz", headers={"Authorization": f"Bearer {secret}"})
            answer = self._client.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            self._client.close()
            self._log.lose()
        else:
            self._log.end(number, "ok" if answer.status == 200 else msgspec.json.decode(body)["code"])


if __name__ == "__main__":
    main()
