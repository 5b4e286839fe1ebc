"""One attempt to deliver: to an address that was looked up, judged, and then connected to, and to no other."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import httpcore
import httpx

from keystile.hub.webhooks.addresses import Reach

TIMEOUT_S = 10.0
"""How long an attempt may take, looking up the name included."""
_MOST_ADDRESSES = 4
_THREADS = 64
_AGENT = f"Keystile/{version('keystile')}".encode()

Headers = Sequence[tuple[bytes, bytes]]


class Unsent(Exception):
    """Nothing was answered; the message says why, in words for whoever has set up the webhook."""


class Crowded(Exception):
    """It was not attempted: too many names are being looked up that are not answered, which may be others' fault."""


class Sender:
    """Sends, and tells the status of the answer. Redirects are not followed, bodies not read, proxies not asked."""

    def __init__(self, reach: Reach, *, timeout_s: float = TIMEOUT_S) -> None:
        self._reach = reach
        self._timeout_s = timeout_s
        # Names that are answered slowly must not hold up what else this process looks up.
        self._lookups = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-names")
        self._looking: set[Future[list[str]]] = set()
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: Headers, body: bytes) -> int:
        """The status of the answer. Unsent if there was none in time, Crowded if nothing was attempted."""
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            raise Unsent("This is not a URL.") from None
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await self._addresses(target)
                tls = await self._context() if target.scheme == "https" else None
                return await self._send(target, addresses, tls, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            raise Unsent(f"There was no answer within {self._timeout_s:g} seconds.") from None
        except httpcore.ConnectError as error:
            raise Unsent(_why(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise Unsent("The connection broke before there was an answer.") from None

    def close(self) -> None:
        """Look no more names up."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, target: httpx.URL) -> list[str]:
        """The addresses behind the name that may be reached; plain HTTP is for the private networks alone."""
        may_be_reached = self._reach.allows if target.scheme == "https" else self._reach.is_named
        found = await self._look_up(target)
        allowed = [address for address in found if may_be_reached(address)]
        if not allowed:
            raise Unsent("The address behind this name may not be reached.")
        return allowed[:_MOST_ADDRESSES]

    async def _look_up(self, target: httpx.URL) -> list[str]:
        # A lookup that was given up still has its thread; nobody waits for one.
        if len(self._looking) >= _THREADS:
            raise Crowded
        try:
            looking = self._lookups.submit(look_up, target.raw_host.decode("ascii").strip("[]"))
            self._looking.add(looking)
            looking.add_done_callback(self._looking.discard)
            found = await asyncio.wrap_future(looking)
        except (OSError, UnicodeError):
            raise Unsent("The name of the host cannot be found.") from None
        return list(dict.fromkeys(found))

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(_tls_context)
        return self._tls

    async def _send(
        self, target: httpx.URL, addresses: list[str], tls: ssl.SSLContext | None, headers: Headers, body: bytes
    ) -> int:
        sent = [(b"content-type", b"application/json"), (b"user-agent", _AGENT), *headers]
        where = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        # A pool for one request: the next one is to look the name up again.
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=tls, max_connections=1, network_backend=_Pinned(addresses)
            ) as pool,
            pool.stream("POST", where, headers=sent, content=body) as answer,
        ):
            return int(answer.status)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the given addresses, whatever name is asked for; the name stays that of the certificate."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = list(addresses)
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - it was looked up before
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - its signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        for address in self._addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._inner.connect_tcp(self._addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """The pool asks for it between tries, of which there is one."""
        await self._inner.sleep(seconds)


def look_up(host: str) -> list[str]:
    """The addresses behind a name, as this machine sees it now. OSError if there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _tls_context() -> ssl.SSLContext:
    """What public certificates are judged by, and what this machine trusts besides."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _why(error: Exception) -> str:
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        return "The certificate is not trusted, or there is no TLS."
    return "The connection was refused, or there is no way to the host."
