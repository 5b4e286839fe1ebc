"""One attempt to deliver, to real servers that behave badly: what is connected to, and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keystile._core import boottime
from keystile.hub.database import Database
from keystile.hub.webhooks import sender as sending
from keystile.hub.webhooks.addresses import Reach
from keystile.hub.webhooks.courier import Courier
from keystile.hub.webhooks.sender import Sender, Unsent
from keystile.hub.webhooks.vault import Unreadable, Vault
from keystile.store.deliveries import Claim

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BLOCKED = "may not be reached"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextlib.asynccontextmanager
async def server(
    answer: bytes | Streams, host: str = "127.0.0.2", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that reads a request's head and answers so; its port, and the heads it has seen."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1], seen
    finally:
        listening.close()


@contextlib.asynccontextmanager
async def trapped() -> AsyncIterator[tuple[int, list[bytes], list[bytes]]]:
    """A server that may be reached, and one at the same port that may not; the port, and the heads each has seen."""
    for left in reversed(range(20)):
        async with contextlib.AsyncExitStack() as stack:
            port, seen = await stack.enter_async_context(server(OK))
            try:
                _, trap = await stack.enter_async_context(server(OK, host="127.0.0.1", port=port))
            except OSError:  # somebody else has that port
                assert left
                continue
            yield port, seen, trap
            return


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """One that may reach 127.0.0.2."""
    one = Sender(Reach(["127.0.0.2/32"]))
    yield one
    one.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Sender]:
    """The same with little patience."""
    one = Sender(Reach(["127.0.0.2/32"]), timeout_s=0.5)
    yield one
    one.close()


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name server that gives these answers one after the other, the last for ever; the names it was asked for."""
    asked: list[str] = []
    given = itertools.chain(answers, itertools.repeat(answers[-1]))

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return next(given)

    monkeypatch.setattr(sending, "look_up", look_up)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
    ],
)
async def test_a_private_host_is_never_connected_to(sender: Sender, host: str) -> None:
    async with server(OK, host="127.0.0.1") as (port, seen):
        for scheme in ("http", "https"):
            with pytest.raises(Unsent, match=f"{BLOCKED}|cannot be found|not a URL"):
                await sender.post(f"{scheme}://{host}:{port}/", [], b"{}")
    assert seen == []


async def test_the_address_that_was_judged_is_the_one_connected_to(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    async with trapped() as (port, seen, trap):
        url = f"http://rebinds.example:{port}/a?b=c"
        assert await sender.post(url, [(b"webhook-id", b"msg_1")], b"{}") == 200
        assert asked == ["rebinds.example"]
        with pytest.raises(Unsent, match=BLOCKED):
            await sender.post(url, [], b"{}")
    assert trap == []
    (head,) = seen
    assert head.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"Host: rebinds.example:%d\r\n" % port in head
    assert b"webhook-id: msg_1\r\n" in head


async def test_of_several_addresses_only_those_allowed_are_tried(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1", "::1", "127.0.0.2"])
    async with trapped() as (port, seen, trap):
        assert await sender.post(f"http://many.example:{port}/", [], b"{}") == 200
    assert (len(seen), trap) == (1, [])


async def test_plain_http_is_for_private_networks_alone(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["93.184.215.14"])
    with pytest.raises(Unsent, match=BLOCKED):
        await sender.post("http://public.example/", [], b"{}")


async def test_proxies_of_the_environment_are_not_asked(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(OK) as (port, seen), server(OK, host="127.0.0.1") as (proxy, trap):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert await sender.post(f"http://127.0.0.2:{port}/", [], b"{}") == 200
    assert (len(seen), trap) == (1, [])


async def _endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def _endless_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


async def _slow_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX-Slow: "):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1_000_000)
    await asyncio.sleep(5)


async def test_a_body_without_end_is_not_read(sender: Sender) -> None:
    async with server(_endless_body) as (port, _):
        assert await sender.post(f"http://127.0.0.2:{port}/", [], b"{}") == 200


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_endless_head, "broke"),
        (b"", "broke"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "broke"),
        (b"HTTP/1.1 " + b"9" * 1_000 + b" OK\r\n\r\n", "broke"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10, "broke"),
    ],
)
async def test_a_bad_answer_is_none(sender: Sender, answer: bytes | Streams, why: str) -> None:
    async with server(answer) as (port, _):
        with pytest.raises(Unsent, match=why):
            await sender.post(f"http://127.0.0.2:{port}/", [], b"{}")


@pytest.mark.parametrize("answer", [_slow_head, _silence])
async def test_who_does_not_answer_in_time_has_not_answered(hasty: Sender, answer: Streams) -> None:
    async with server(answer) as (port, _):
        with pytest.raises(Unsent, match=r"within 0\.5 seconds"):
            await hasty.post(f"http://127.0.0.2:{port}/", [], b"{}")


async def test_nobody_listens(sender: Sender) -> None:
    async with server(OK) as (port, _):
        pass
    with pytest.raises(Unsent, match="refused"):
        await sender.post(f"http://127.0.0.2:{port}/", [], b"{}")


async def test_a_slow_name_server_costs_no_more_than_an_attempt(hasty: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: str) -> list[str]:
        time.sleep(1.5)
        return ["127.0.0.2"]

    monkeypatch.setattr(sending, "look_up", slow)
    with pytest.raises(Unsent, match="within"):
        await hasty.post("http://slow.example/", [], b"{}")


async def test_who_finds_no_thread_for_a_name_has_not_failed(
    hasty: Sender, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    answered = threading.Event()

    def hung(_: str) -> list[str]:
        answered.wait(20)
        return ["127.0.0.1"]

    monkeypatch.setattr(sending, "look_up", hung)
    monkeypatch.setattr(sending, "_THREADS", 2)
    vault = Vault([b"p" * 32])
    nowhere = "postgresql://nobody@nowhere.invalid/none"
    courier = Courier(nowhere, Database(nowhere), vault, hasty)
    claim = Claim(
        id="msg_1",
        webhook_id="wh_1",
        tenant="home",
        payload="{}",
        attempt=1,
        failures=0,
        url="https://hung.example/",
        secret=vault.seal("wh_1", b"secret"),
        previous_secret=None,
    )
    first = await asyncio.gather(*(courier._attempt(claim, boottime()) for _ in range(2)))
    assert all(one is not None and "within" in (one.error or "") for one in first)
    # Both lookups go on. Nothing is noted of what did not begin.
    assert await courier._attempt(claim, boottime()) is None
    answered.set()

    async def noted() -> bool:
        return await courier._attempt(claim, boottime()) is not None

    await eventually(noted)


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's context with a certificate that it has signed itself; `folder` gets the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


async def test_certificates_are_judged_by_the_name(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names(monkeypatch, ["127.0.0.2"])
    context = certificate(tmp_path, "hooks.example")
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with server(OK, tls=context) as (port, seen):
        with pytest.raises(Unsent, match="not trusted"):
            await sender.post(f"https://hooks.example:{port}/", [], b"{}")
        trusting = await sender._context()
        trusting.load_verify_locations(tmp_path / "certificate.pem")
        assert await sender.post(f"https://hooks.example:{port}/", [], b"{}") == 200
        with pytest.raises(Unsent, match="not trusted"):
            await sender.post(f"https://others.example:{port}/", [], b"{}")
        with pytest.raises(Unsent, match="broke"):
            await sender.post(f"http://hooks.example:{port}/", [], b"{}")
    assert asked == ["hooks.example", "hooks.example", "others.example"]
    assert len(seen) == 1


def test_a_sealed_secret_opens_for_its_webhook_and_pepper_alone() -> None:
    old, new = b"o" * 32, b"n" * 32
    sealed = Vault([old]).seal("wh_1", b"secret")
    assert b"secret" not in sealed
    assert sealed != Vault([old]).seal("wh_1", b"secret")
    assert Vault([old]).open("wh_1", sealed) == Vault([new, old]).open("wh_1", sealed) == b"secret"
    changed = bytes([sealed[0] ^ 1]) + sealed[1:]
    for vault, webhook_id, text in (
        (Vault([new]), "wh_1", sealed),
        (Vault([old]), "wh_2", sealed),
        (Vault([old]), "wh_1", changed),
        (Vault([old]), "wh_1", sealed[:-1]),
        (Vault([old]), "wh_1", b""),
    ):
        with pytest.raises(Unreadable):
            vault.open(webhook_id, text)
