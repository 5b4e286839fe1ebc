"""One worker process of `keystile serve`: `python -m keystile.hub.worker --fd N`, settings on stdin.

Settings come through a pipe, because arguments and the environment can be read by other processes.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from typing import NoReturn

import uvicorn

from keystile.errors import KeystileError
from keystile.hub.app import create_app
from keystile.hub.protocol import HubProtocol
from keystile.logs import log_to_stderr
from keystile.process import die_with_parent
from keystile.settings import decode

_DRAIN_S = 10


def main() -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight; the exit code."""
    parser = argparse.ArgumentParser(prog="keystile.hub.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the listening socket, inherited")
    parser.add_argument("--place", type=int, default=0, help="its number among the workers")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="pid of the supervisor")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server takes these over while it runs and, once it has drained, raises them again for us.
        signal.signal(number, _leave)
    die_with_parent(signal.SIGTERM, parent=arguments.parent)
    try:
        settings = decode(sys.stdin.buffer.read())
        app = create_app(settings, place=arguments.place)
    except KeystileError as error:
        print(f"keystile worker: {error}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 1
    log_to_stderr(settings.log_level, settings.log_format, "worker")
    # Its messages of starting and stopping are the supervisor's business.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=HubProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,  # it would hold query strings
        server_header=False,
        proxy_headers=False,  # trusted_proxies decides whom to believe, not uvicorn
        log_config=None,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    with socket.socket(fileno=arguments.fd) as listener:
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
