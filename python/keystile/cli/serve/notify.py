"""Telling a service manager how far we are, by the protocol of sd_notify(3): one datagram a message."""

from __future__ import annotations

import logging
import os
import socket

READY = "READY=1"
"""The gate decides, and whoever was to start afterwards may."""
STOPPING = "STOPPING=1"
"""A signal has come; what runs is brought to its end."""

_VARIABLE = "NOTIFY_SOCKET"

logger = logging.getLogger(__name__)


class Notifier:
    """Reports to the service manager that started this process; without one it does nothing."""

    def __init__(self) -> None:
        # Children must not report in our name: PostgreSQL knows this protocol too.
        self._address = os.environ.pop(_VARIABLE, "")

    def tell(self, message: str) -> None:
        """Send one message. A manager that cannot be reached is logged, and no reason to stop."""
        if not self._address:
            return
        # A leading @ stands for the abstract namespace, which begins with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as client:
                client.connect(address)
                client.sendall(message.encode())
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", message, error)
