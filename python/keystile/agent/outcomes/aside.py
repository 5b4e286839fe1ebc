"""Work that may hang for ever, in threads that nothing else needs and that nothing waits for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


async def aside(work: Callable[[], bytes]) -> bytes:
    """What `work` returns, from a new daemon thread.

    `asyncio.to_thread` has a few threads for all, which the follower needs too, and the agent's end waits for them.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def settle(result: bytes | Exception) -> None:
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)

    def run() -> None:
        result: bytes | Exception
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised again in the loop
            result = error
        # The loop may be gone by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="outcomes file", daemon=True).start()
    return await done
