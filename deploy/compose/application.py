"""A product of one address, opened by keys with the scope PSA."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from keystile.asgi import KeystileMiddleware

Message = dict[str, Any]


async def tickets(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer with the tenant whose key was sent."""
    del receive
    tenant = scope["state"]["keystile"].tenant
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"tickets of {tenant}\n".encode()})


app = KeystileMiddleware(tickets, scope="PSA")
