"""An application with an embedded database, for the tests to kill: `embedded_app.py DATA`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from keystile.store.embedded import EmbeddedPostgres


async def main() -> None:
    """Print the server's pid once it answers, then do nothing for ever."""
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)  # noqa: T201
    await asyncio.Event().wait()


asyncio.run(main())
