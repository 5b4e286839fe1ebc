"""Each fault of the proxy does what it says, to a plain echo and to PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from keystile.store.pool import FAILURES, connect
from tests.faults.proxy import Mode, Proxy, Target, socket_of

_SHORT_S = 0.1
_LONG_S = 10.0


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(100):
            writer.write(data)
            await writer.drain()
        writer.write(b"bye")
    writer.close()


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """A proxy before an echo."""
    server = await asyncio.start_unix_server(_echo, tmp_path / "echo")
    async with Proxy(tmp_path / "echo") as proxy:
        yield proxy
    server.close()


class Talk:
    """A client of the echo."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, text: bytes, longest_s: float = _LONG_S) -> bytes:
        """Send, and read as many bytes back."""
        self.writer.write(text)
        async with asyncio.timeout(longest_s):
            return await self.reader.readexactly(len(text))


@contextlib.asynccontextmanager
async def talking(address: Target) -> AsyncIterator[Talk]:
    """A connection that was heard once."""
    if isinstance(address, tuple):
        reader, writer = await asyncio.open_connection(*address)
    else:
        reader, writer = await asyncio.open_unix_connection(address)
    talk = Talk(reader, writer)
    try:
        assert await talk.says(b"hello") == b"hello"
        yield talk
    finally:
        writer.transport.abort()


async def test_without_a_fault_it_passes_everything(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        assert await talk.says(b"x" * 300_000) == b"x" * 300_000
        talk.writer.write_eof()
        assert await talk.reader.read() == b"bye"


async def test_it_listens_on_a_unix_socket_too(proxy: Proxy, tmp_path: Path) -> None:
    async with Proxy(proxy.address, listen=tmp_path / "front") as front, talking(front.address) as talk:
        assert await talk.says(b"again") == b"again"


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
async def test_a_black_hole_swallows_without_a_word_and_what_it_swallowed_is_lost(proxy: Proxy, direction: str) -> None:
    async with talking(proxy.address) as talk:
        getattr(proxy, direction).mode = Mode.SWALLOW
        with pytest.raises(TimeoutError):
            await talk.says(b"lost", _SHORT_S)
        # Nothing is told to a new connection either, which is accepted.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(_SHORT_S), talking(proxy.address):
                pass
        proxy.pass_all()
        with pytest.raises(TimeoutError):
            await talk.says(b"after", _SHORT_S)
        assert not talk.reader.at_eof()
        async with talking(proxy.address) as another:
            assert await another.says(b"fine") == b"fine"


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
async def test_what_is_held_arrives_in_the_end(proxy: Proxy, direction: str) -> None:
    async with talking(proxy.address) as talk:
        getattr(proxy, direction).mode = Mode.HOLD
        talk.writer.write(b"one ")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(_SHORT_S):
                await talk.reader.read(1)
        talk.writer.write(b"two")
        proxy.pass_all()
        assert await asyncio.wait_for(talk.reader.readexactly(7), _LONG_S) == b"one two"


async def test_a_drip_passes_one_byte_at_a_time(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        proxy.to_client.drip_interval_s = 0.05
        proxy.to_client.mode = Mode.DRIP
        since = time.monotonic()
        assert await talk.says(b"slow!") == b"slow!"
        assert time.monotonic() - since >= 4 * 0.05
        proxy.to_client.drip_interval_s = 1_000
        talk.writer.write(b"abcdef")
        assert await asyncio.wait_for(talk.reader.read(100), _LONG_S) == b"a"
        proxy.pass_all()
        assert await asyncio.wait_for(talk.reader.readexactly(5), _LONG_S) == b"bcdef"


async def test_a_delay_keeps_the_order(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        proxy.to_server.delay_s = 0.1
        since = time.monotonic()
        assert await talk.says(b"late") == b"late"
        assert time.monotonic() - since >= 0.1


async def test_a_reset_is_one(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(talk.reader.read(1), _LONG_S)
    async with talking(proxy.address):
        pass


async def test_a_half_closed_connection_still_takes_bytes(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        proxy.half_close()
        assert await asyncio.wait_for(talk.reader.read(), _LONG_S) == b""
        talk.writer.write(b"into the void")
        await asyncio.wait_for(talk.writer.drain(), _LONG_S)


async def test_new_connections_are_refused_and_old_ones_live(proxy: Proxy) -> None:
    async with talking(proxy.address) as talk:
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            async with talking(proxy.address):
                pass
        assert await talk.says(b"alive") == b"alive"
        await proxy.accept()
        async with talking(proxy.address):
            pass


async def test_it_can_be_pointed_elsewhere(proxy: Proxy, tmp_path: Path) -> None:
    proxy.target = tmp_path / "nobody"
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        async with talking(proxy.address):
            pass
    proxy.target = tmp_path / "echo"
    async with talking(proxy.address):
        pass


async def test_a_commit_is_cut_from_its_reply(database_url: str) -> None:
    name = database_url.split("@/")[1].split("?", maxsplit=1)[0]
    direct = await connect(database_url)
    await direct.execute("CREATE TABLE kept (n integer)")
    async with Proxy(socket_of(database_url)) as proxy:
        before = await connect(proxy.url(name))
        proxy.cut.commits(2)
        for conn in (before, await connect(proxy.url(name))):
            # What is no COMMIT passes.
            assert await conn.fetchval("SELECT 'COMMIT'") == "COMMIT"
            with pytest.raises(FAILURES):
                async with conn.transaction():
                    await conn.execute("INSERT INTO kept VALUES (1)")
        third = await connect(proxy.url(name))
        async with third.transaction():
            await third.execute("INSERT INTO kept VALUES (1)")
        assert proxy.cut.done == 2
        third.terminate()
    # Both are committed, though nobody was told.
    assert await direct.fetchval("SELECT count(*) FROM kept") == 3
    await direct.close()


async def test_an_answer_is_cut_at_its_first_row(database_url: str) -> None:
    name = database_url.split("@/")[1].split("?", maxsplit=1)[0]
    async with Proxy(socket_of(database_url)) as proxy:
        conn = await connect(proxy.url(name))
        proxy.cut.rows(1)
        with pytest.raises((asyncpg.PostgresError, *FAILURES)):
            await conn.fetch("SELECT generate_series(1, 1000)")
        again = await connect(proxy.url(name))
        assert await again.fetchval("SELECT 1") == 1
        again.terminate()
