"""Ten sample product APIs, each behind the gate with its own scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from importlib.resources import files
from urllib.parse import parse_qsl

import msgspec

from keystile.hub.wire import JSON, ASGIApp, Receive, Scope, Send, respond, respond_problem


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One product: the scope that opens it, and what it lists."""

    scope: str
    items: list[dict[str, object]]


def samples() -> dict[str, Sample]:
    """Every sample product by its path."""
    raw = files(__package__).joinpath("products.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Sample])


def products(scopes: Collection[str], guard: Callable[[ASGIApp, str], ASGIApp]) -> dict[str, ASGIApp]:
    """The products whose scope is in the catalogue, by path; `guard` puts a gate for a scope before each."""
    return {path: guard(Product(sample), sample.scope) for path, sample in samples().items() if sample.scope in scopes}


class Product:
    """A product API with one list. `?fail=503` answers with that status, so that error rates can be seen."""

    def __init__(self, sample: Sample) -> None:
        self._body = msgspec.json.encode({"items": sample.items})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """ASGI."""
        if scope["method"] not in {"GET", "HEAD"}:
            await respond_problem(send, "method_not_allowed", scope=scope, headers=[(b"allow", b"GET, HEAD")])
            return
        status = _failure(scope["query_string"])
        if status is None:
            await respond(send, 200, self._body)
        elif status == 0:
            detail = "fail takes one status from 400 to 599."
            await respond_problem(send, "invalid_request", scope=scope, detail=detail)
        else:
            body = msgspec.json.encode({"status": status, "detail": "Failed as asked."})
            await respond(send, status, body, media_type=JSON)


def _failure(query: bytes) -> int | None:
    """The status asked for; None without one, 0 for one that cannot be had."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    asked = [value for name, value in pairs if name == "fail"]
    if not asked:
        return None
    text = asked[0]
    valid = len(asked) == 1 and re.fullmatch("[45][0-9][0-9]", text)
    return int(text) if valid else 0
