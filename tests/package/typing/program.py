"""A user's program: what must pass the type checker, and what must not (it is marked, and an idle mark is an error)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, assert_type

from keystile import Decision, Gate, KeyRecord, Scope, checksum_ok, digest, mint, new_key_id
from keystile.asgi import KeystileMiddleware
from keystile.errors import GateAbsent, KeystileError, UnknownScope
from keystile.wsgi import KeystileMiddleware as WSGIMiddleware

Message = MutableMapping[str, Any]


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """An ASGI application."""


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application."""
    return []


def passes(gate: Gate, secret: str | bytes) -> dict[str, str]:
    """All of this is right."""
    scope = gate.scope("PSA")
    decision = gate.check(secret, scope, "192.0.2.1", 3)
    assert_type(decision, Decision)
    assert_type(decision.status, int)
    assert_type(decision.key_id, str | None)
    assert_type(decision.retry_after, int | None)
    assert_type(decision.headers, dict[str, str])
    assert_type(gate.check_headers([(b"authorization", b"Bearer x")], scope), Decision)
    assert_type(gate.revoke(new_key_id()), bool)
    assert_type(gate.fresh, bool)
    record = KeyRecord(new_key_id(), gate.digest(mint()), scopes=["PSA"], tier="Standard", expires_at_ns=None)
    gate.put(record)
    gate.finish(decision, 200)
    assert_type(digest(mint(), bytes(32)), bytes)
    assert_type(checksum_ok(b"tos_"), bool)
    KeystileMiddleware(app, "PSA", gate=gate, trusted_proxies=["10.0.0.0/8"])
    KeystileMiddleware(app, segment=Path("gate"))
    WSGIMiddleware(wsgi_app, scope="PSA")
    return decision.headers if decision else {}


def opened(folder: Path) -> Gate | None:
    """So is this."""
    try:
        return Gate.open(folder / "gate", scopes=["PSA"], tiers=[("Standard", 60, 100)], capacity=100)
    except UnknownScope as error:
        assert_type(isinstance(error, KeyError), bool)
    except (GateAbsent, KeystileError):
        return Gate.attach()
    return None


def fails(gate: Gate, decision: Decision, scope: Scope, folder: Path) -> None:
    """None of this is."""
    gate.check(1)  # type: ignore[arg-type]
    gate.check("tos_", "PSA")  # type: ignore[arg-type]
    gate.check("tos_", scope, cost="1")  # type: ignore[arg-type]
    gate.check_headers({"authorization": "Bearer x"})  # type: ignore[dict-item]
    gate.finish(decision)  # type: ignore[call-arg]
    gate.put({"key_id": "x"})  # type: ignore[arg-type]
    decision.allowed = True  # type: ignore[misc]
    decision.key_id.upper()  # type: ignore[union-attr]
    print(decision.reason)  # type: ignore[attr-defined]
    Gate.open(folder, ["PSA"], [("Standard", 60, 100)])  # type: ignore[call-arg]
    Gate.open(folder, scopes=["PSA"], tiers=[("Standard", 60)])  # type: ignore[list-item]
    KeyRecord(new_key_id(), "00" * 32, scopes=["PSA"], tier="Standard")  # type: ignore[arg-type]
    KeyRecord(new_key_id(), bytes(32), scopes=["PSA"])  # type: ignore[call-arg]
    KeystileMiddleware(app, trusted_proxies=1)  # type: ignore[arg-type]
    KeystileMiddleware(wsgi_app)  # type: ignore[arg-type]
