"""The gate in front of any WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from os import PathLike
from typing import Any

from keystile._core import Decision, Gate
from keystile.attachment import Attachment
from keystile.client_address import UNIX_PEER, TrustedProxies
from keystile.refusals import Header, Refusal, refusal_by, without_gate

__all__ = ["KeystileMiddleware"]

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

ENVIRON_KEY = "keystile.decision"
"""Where the decision stands in the environ."""


class KeystileMiddleware:
    """Lets a request through to `app` only with a live key that holds `scope` and has a token left.

    Every answer carries the rate-limit headers; the status that is finally sent counts in the key's usage. The
    decision stands in `environ["keystile.decision"]`. CORS preflights pass unchecked and uncounted, so the
    application must give nothing away to `OPTIONS`. Without a `gate` it attaches to this machine's (at `segment`, if
    given) when the first request comes; until there is one it answers 503 `gate_stale`.
    """

    def __init__(
        self,
        app: WSGIApp,
        scope: str | None = None,
        *,
        gate: Gate | None = None,
        segment: str | PathLike[str] | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._attachment = Attachment(gate, path=segment, scope=scope)
        self._proxies = TrustedProxies(trusted_proxies)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _is_preflight(environ):
            return self._app(environ, start_response)
        bound = self._attachment.bound or self._attachment.ensure_bound()
        if bound is None:
            return _refuse(without_gate(), environ, start_response)
        gate, needed = bound
        decision = gate.check_headers(credentials(environ), needed, client(environ, self._proxies))
        if not decision:
            if decision.code == "gate_stale":
                self._attachment.renew()
            return _refuse(refusal_by(decision), environ, start_response)
        environ[ENVIRON_KEY] = decision
        answer = _Answer(gate, decision, start_response)
        try:
            parts = self._app(environ, answer.start)
            return parts if answer.is_whole(parts, environ) else _Parts(parts, answer)
        except BaseException:
            answer.failed()
            raise


def credentials(environ: Environ) -> list[Header]:
    """The credential header as the gate takes it.

    Servers join several with a comma, which no key holds: they are refused as one that is malformed.
    """
    value = environ.get("HTTP_AUTHORIZATION")
    # Text in WSGI is Latin-1; whatever else is in there can be no part of a key.
    return [] if value is None else [(b"authorization", value.encode("latin-1", "replace"))]


def client(environ: Environ, proxies: TrustedProxies) -> str:
    """The client's address, for the budget of failed attempts."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    return proxies.behind(environ.get("REMOTE_ADDR") or UNIX_PEER, [] if forwarded is None else [forwarded])


def _is_preflight(environ: Environ) -> bool:
    return environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def _refuse(refusal: Refusal, environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response(f"{refusal.status} {HTTPStatus(refusal.status).phrase}", refusal.text_headers)
    # Not every server drops the body that an answer to HEAD must not have.
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [refusal.body]


class _Answer:
    """An application's answer on its way out: explained by the decision, and counted once its status is final.

    It is final with the first part of the body; until then the application may start anew (PEP 3333, `exc_info`).
    """

    __slots__ = ("_decision", "_gate", "_start_response", "_status")

    def __init__(self, gate: Gate, decision: Decision, start_response: StartResponse) -> None:
        self._gate = gate
        self._decision = decision
        self._start_response = start_response
        self._status: int | None = None

    def start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        """The `start_response` that the application is given."""
        write = self._start_response(status, [*headers, *self._decision.headers.items()], *exc_info)
        self._status = int(status.split(" ", 1)[0])

        def counted(part: bytes) -> object:
            self.sent()
            return write(part)

        return counted

    def is_whole(self, parts: Iterable[bytes], environ: Environ) -> bool:
        """Whether a body cannot fail any more, and so is counted now and goes to the server as it is.

        Servers look at these: a list of one part gives the length, and a wrapped file goes out without being read.
        """
        wrapper = environ.get("wsgi.file_wrapper")
        known = isinstance(parts, list | tuple) or (isinstance(wrapper, type) and isinstance(parts, wrapper))
        if self._status is None or not known:
            return False
        self.sent()
        return True

    def sent(self) -> None:
        """Count the status; 500 where there is none, for that is what the server sends then."""
        self._gate.finish(self._decision, 500 if self._status is None else self._status)

    def failed(self) -> None:
        """The application raised: the server answers 500, unless the answer was under way."""
        self._gate.finish(self._decision, 500)


class _Parts:
    """The parts of a body, which tell when the first goes out and when there are no more."""

    def __init__(self, parts: Iterable[bytes], answer: _Answer) -> None:
        self._parts = parts
        self._next = iter(parts).__next__
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = self._next()
        except StopIteration:
            self._answer.sent()
            raise
        except BaseException:
            self._answer.failed()
            raise
        if part:
            self._answer.sent()
        return part

    def close(self) -> None:
        """Called by the server at the end, or earlier when the client has gone."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._answer.sent()
