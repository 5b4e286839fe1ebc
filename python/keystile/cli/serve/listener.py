"""The listening socket: bound once by the supervisor, inherited by every worker."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

from keystile.cli.failure import CommandError

BACKLOG = 2_048
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - told apart here, not listened on


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen, so that a second program on this port is refused now and not half-way."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # create_server wants the address without the flow and zone that getaddrinfo adds for IPv6.
        return socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CommandError(f"cannot listen on {host} port {port}: {why}") from None


def url_of(listener: socket.socket) -> str:
    """The address that a program on this machine uses."""
    host, port = listener.getsockname()[:2]
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def publish(data: Path, url: str) -> Path:
    """Leave the address in the data folder, whole at any time, for the other commands."""
    handle, name = tempfile.mkstemp(dir=data, prefix=".address-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(url + "\n")
            os.fchmod(stream.fileno(), 0o644)
        return Path(name).replace(data / "address")
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
