"""One server process: `python -m benchmarks.http.serve APP SEGMENT FD`, uvicorn as `keystile serve` runs it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from benchmarks.http.apps import APPS
from keystile import Gate
from keystile.hub.protocol import HubProtocol
from keystile.process import die_with_parent


def main() -> None:
    """Serve until terminated."""
    name, segment, handle = sys.argv[1:]
    die_with_parent(signal.SIGTERM)
    # All servers on the first processor, as only one is asked at a time; the client has the others.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    app = APPS[name](Gate.attach(segment), Path(segment).parent)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=HubProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
    )
    with socket.socket(fileno=int(handle)) as listener:
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
