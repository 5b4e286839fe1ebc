"""Answers to OPTIONS, which name every method of an address.

The framework's own, where several routes have one address, name those of the first of them only.
"""

from __future__ import annotations

from litestar import Response
from litestar.enums import MediaType

from keystile.hub.requests import HubRequest

_OPTIONS = "OPTIONS"


def answer_options(request: HubRequest) -> Response[None] | None:
    """The answer to OPTIONS, before the request comes to a route; nothing for any other method."""
    if request.method != _OPTIONS:
        return None
    handler = request.scope["route_handler"]
    methods = next(route.methods for route in request.app.routes if handler in getattr(route, "route_handlers", ()))
    allow = ", ".join(sorted(methods))
    return Response(None, status_code=204, headers={"Allow": allow}, media_type=MediaType.TEXT)
