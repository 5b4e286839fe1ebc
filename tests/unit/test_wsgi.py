"""The WSGI middleware with applications that behave in every way that PEP 3333 allows, and some that it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from keystile import Gate
from keystile._core import Writer
from keystile.errors import UnknownScope
from keystile.wsgi import ENVIRON_KEY, KeystileMiddleware
from tests.unit.gates import counted_gate, private_gate, put_counted, put_key

FINE, CLIENT_ERROR, SERVER_ERROR = (1, 0, 0), (1, 1, 0), (1, 0, 1)


class Server:
    """What a server keeps of one answer."""

    def __init__(self) -> None:
        self.started: list[tuple[str, list[tuple[str, str]]]] = []
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.started.append((status, headers))
        return self.written.append

    @property
    def status(self) -> str:
        """The status line that counts: the last."""
        return self.started[-1][0]

    @property
    def headers(self) -> dict[str, str]:
        """The headers with it."""
        return dict(self.started[-1][1])


def environ_of(secret: str | None = None, **more: Any) -> dict[str, Any]:
    credential = {} if secret is None else {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    return {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.1", "wsgi.file_wrapper": FileWrapper, **credential, **more}


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = counted_gate(tmp_path)
    yield made
    made.close()


App = Callable[[Any, Any], Any]


def answers(status: str, body: Iterable[bytes] = (b"hello",)) -> App:
    """An application that answers so, with a body of that very kind."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("X-App", "1")])
        return body

    return app


def generates(status: str, *parts: bytes | Exception) -> App:
    """One whose answer begins only when its body is asked for."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response(status, [])
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    return app


def starts_anew(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b""
    start_response("503 Service Unavailable", [], (RuntimeError, RuntimeError("the application failed"), None))
    yield b"sorry"


def writes(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])(b"nothing")
    raise RuntimeError("too late to count")


def never_starts(environ: Any, start_response: Any) -> list[bytes]:
    return []


def fails(environ: Any, start_response: Any) -> Any:
    raise RuntimeError("the application failed")


def starts_and_fails(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    raise RuntimeError("the application failed")


def exits(environ: Any, start_response: Any) -> Any:
    raise SystemExit(1)


def gives_no_body(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])


def counted(writer: Writer, app: App, take: int | None = None) -> tuple[int, int, int]:
    """Requests, client and server errors that one request adds; the server takes no more than `take` parts."""
    secret, server = put_counted(writer), Server()
    with contextlib.suppress(RuntimeError, SystemExit, TypeError):
        parts = KeystileMiddleware(app, "PSA", gate=writer.gate())(environ_of(secret), server.start_response)
        try:
            for number, _ in enumerate(parts, 1):
                if number == take:
                    break
        finally:
            if hasattr(parts, "close"):
                parts.close()
    ((_, requests, client_errors, server_errors, *_),) = writer.drain()
    return requests, client_errors, server_errors


error = RuntimeError("the application failed")


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (answers("200 OK"), FINE),
        (answers("399 Odd"), FINE),
        (answers("400 Bad Request"), CLIENT_ERROR),
        (answers("404 Not Found", [b"nothing"]), CLIENT_ERROR),
        (answers("500 Internal Server Error", iter([b"x"])), SERVER_ERROR),
        (answers("404 Not Found", []), CLIENT_ERROR),
        (answers("404 Not Found", iter([])), CLIENT_ERROR),
        (generates("404 Not Found", b"", b"nothing"), CLIENT_ERROR),
        (generates("200 OK", error), SERVER_ERROR),
        (generates("200 OK", b"", error), SERVER_ERROR),
        (generates("200 OK", b"a part", error), FINE),
        (starts_anew, SERVER_ERROR),
        (writes, CLIENT_ERROR),
        (never_starts, SERVER_ERROR),
        (fails, SERVER_ERROR),
        (starts_and_fails, SERVER_ERROR),
        (exits, SERVER_ERROR),
        (gives_no_body, SERVER_ERROR),
    ],
)
def test_the_status_that_is_sent_is_the_one_that_counts(
    writer: Writer, app: App, expected: tuple[int, int, int]
) -> None:
    assert counted(writer, app) == expected


def test_a_client_that_goes_away_is_counted_once(writer: Writer) -> None:
    assert counted(writer, generates("404 Not Found", b"a", b"b", b"c"), take=1) == CLIENT_ERROR
    assert counted(writer, generates("404 Not Found", b"", b"b"), take=1) == CLIENT_ERROR


def test_closing_reaches_the_application(gate: Gate) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def close(self) -> None:
            closed.append(True)

    _, secret = put_key(gate)
    parts: Any = KeystileMiddleware(answers("200 OK", Body()), gate=gate)(environ_of(secret), Server().start_response)
    parts.close()
    assert closed == [True]


def test_bodies_that_servers_look_at_stay_as_they_are(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    _, secret = put_key(gate)
    with (tmp_path / "file").open("rb") as file:
        for body in ([b"one"], (b"one",), FileWrapper(file)):
            guarded = KeystileMiddleware(answers("200 OK", body), gate=gate)
            assert guarded(environ_of(secret), Server().start_response) is body


def test_headers_are_added_and_the_applications_are_left_alone(gate: Gate) -> None:
    own, server = [("X-App", "1")], Server()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", own)
        return [environ[ENVIRON_KEY].key_id.encode()]

    key_id, secret = put_key(gate)
    assert KeystileMiddleware(app, "PSA", gate=gate)(environ_of(secret), server.start_response) == [key_id.encode()]
    assert server.headers["X-RateLimit-Limit"] == "60"
    assert server.headers["X-App"] == "1"
    assert own == [("X-App", "1")]


def test_an_answer_that_starts_anew_is_explained_again(gate: Gate) -> None:
    _, secret = put_key(gate)
    server = Server()
    list(KeystileMiddleware(starts_anew, gate=gate)(environ_of(secret), server.start_response))
    assert server.status == "503 Service Unavailable"
    assert server.headers["X-RateLimit-Limit"] == "60"


def test_a_refusal_to_head_has_no_body(gate: Gate) -> None:
    server = Server()
    guarded = KeystileMiddleware(answers("200 OK"), gate=gate)
    assert guarded(environ_of(REQUEST_METHOD="HEAD"), server.start_response) == []
    assert server.status == "401 Unauthorized"
    assert int(server.headers["content-length"]) > 0


def test_preflights_pass_unchecked(gate: Gate) -> None:
    guarded, server = KeystileMiddleware(answers("204 No Content", []), "PSA", gate=gate), Server()
    preflight = environ_of(REQUEST_METHOD="OPTIONS", HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET")
    assert guarded(preflight, server.start_response) == []
    assert server.headers == {"X-App": "1"}
    guarded(environ_of(REQUEST_METHOD="OPTIONS"), server.start_response)
    assert server.status == "401 Unauthorized"
    guarded(environ_of(HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET"), server.start_response)
    assert server.status == "401 Unauthorized"


def test_a_forwarded_address_counts_only_from_a_trusted_peer(gate: Gate) -> None:
    def statuses(guarded: KeystileMiddleware, peer: str) -> set[str]:
        server = Server()
        for number in range(130):
            forged = environ_of(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=f"192.0.2.77, 198.51.100.{number}")
            guarded(forged, server.start_response)
        return {status for status, _ in server.started[-10:]}

    proxies = ["203.0.113.0/24", "unix"]
    assert statuses(KeystileMiddleware(fails, gate=gate), "203.0.113.9") == {"429 Too Many Requests"}
    assert statuses(KeystileMiddleware(fails, gate=gate, trusted_proxies=proxies), "192.0.2.9") == {
        "429 Too Many Requests"
    }
    assert statuses(KeystileMiddleware(fails, gate=gate, trusted_proxies=proxies), "203.0.113.9") == {
        "401 Unauthorized"
    }
    assert statuses(KeystileMiddleware(fails, gate=gate, trusted_proxies=proxies), "") == {"401 Unauthorized"}


def test_text_that_no_server_may_pass_on_is_refused(gate: Gate) -> None:
    _, secret = put_key(gate)
    server = Server()
    KeystileMiddleware(fails, gate=gate)(environ_of(f"{secret}\u2603"), server.start_response)
    assert server.status == "401 Unauthorized"


def test_without_a_gate_it_refuses(tmp_path: Path) -> None:
    server = Server()
    guarded = KeystileMiddleware(fails, "PSA", segment=tmp_path / "gate")
    (body,) = guarded(environ_of("x"), server.start_response)
    assert server.status == "503 Service Unavailable"
    assert b'"gate_stale"' in body
    assert server.headers["retry-after"] == "1"


def test_a_misspelt_scope_is_told_when_the_gate_is_known(gate: Gate) -> None:
    with pytest.raises(UnknownScope):
        KeystileMiddleware(fails, "Nonsense", gate=gate)
