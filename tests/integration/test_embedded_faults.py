"""The embedded server is there again after whatever happens to it, and gone when its application is."""

# ruff: noqa: ASYNC220  blocking for a moment harms nobody here

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from keystile.errors import StoreError
from keystile.store import embedded
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import FAILURES, connect
from tests.integration.embedded_server import (
    IS_ROOT,
    ask,
    commit_one,
    is_gone,
    running,
    server_processes,
    start_app,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is still to be made, below one that is closed to everybody else."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


async def test_it_ends_with_its_application(data: Path, eventually: Any) -> None:
    app, pid = await start_app(data)
    app.kill()
    await app.wait()
    await eventually(lambda: is_gone(pid))
    await eventually(lambda: not server_processes(data))


async def test_the_next_start_does_not_wait_for_anybody_to_clean_up(data: Path) -> None:
    """Right after the application was killed its server is still stopping."""
    app, pid = await start_app(data)
    app.kill()
    await app.wait()
    async with running(data) as server:
        assert is_gone(pid)
        await commit_one(server.url)


async def test_a_killed_server_is_started_again(data: Path, eventually: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is killed while it is being made ready: that connection ends in the middle of any of its steps."""
    monkeypatch.setattr(embedded, "_LONGEST_PAUSE_S", 0.1)
    async with running(data) as server:
        watching = asyncio.create_task(server.watch())
        try:
            await commit_one(server.url)
            for _ in range(12):
                before = server.pid
                assert before is not None
                os.kill(before, signal.SIGKILL)

                async def answers(before: int = before) -> bool:
                    assert not watching.done(), "nobody watches any more"
                    with suppress(*FAILURES):
                        return server.pid != before and await ask(server.url, "SELECT n FROM kept") == 42
                    return False

                # Recovery after a kill waits for the disk, which other work may keep busy.
                await eventually(answers, longest_s=60)
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def test_after_everything_was_killed_at_once(data: Path) -> None:
    app, pid = await start_app(data)
    url = EmbeddedPostgres(data).url
    await commit_one(url)
    for victim in (app.pid, *server_processes(data)):
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    await app.wait()
    assert (data / "postgres" / "postmaster.pid").exists()
    async with running(data) as server:
        assert server.pid != pid
        assert await ask(server.url, "SELECT n FROM kept") == 42


async def test_a_frozen_orphan_is_ended(data: Path, eventually: Any) -> None:
    """A backend that was stopped survives its postmaster, and holds the shared memory."""
    app, pid = await start_app(data)
    conn = await connect(EmbeddedPostgres(data).url)
    backend = await conn.fetchval("SELECT pg_backend_pid()")
    os.kill(backend, signal.SIGSTOP)
    app.kill()
    os.kill(pid, signal.SIGKILL)
    await app.wait()
    await eventually(lambda: is_gone(pid))
    assert not is_gone(backend)
    async with running(data) as server:
        assert is_gone(backend)
        await commit_one(server.url)
    conn.terminate()


async def test_a_pid_file_that_names_another_program(data: Path) -> None:
    async with running(data):
        text = (data / "postgres" / "postmaster.pid").read_text()
    owner = (data / "postgres").stat().st_uid
    sleeper = subprocess.Popen(["sleep", "60"], user=owner if IS_ROOT else None)
    try:
        lines = text.split("\n")
        (data / "postgres" / "postmaster.pid").write_text("\n".join([str(sleeper.pid), *lines[1:]]))
        os.chown(data / "postgres" / "postmaster.pid", owner, -1)
        async with running(data) as server:
            await commit_one(server.url)
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


async def test_a_half_made_cluster_is_made_anew(data: Path) -> None:
    (data / "postgres.new" / "base").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with running(data) as server:
        await commit_one(server.url)
    assert not (data / "postgres.new").exists()


async def test_a_server_that_cannot_start_says_why(data: Path) -> None:
    async with running(data):
        pass
    (data / "postgres" / "global" / "pg_control").write_bytes(b"")
    server = EmbeddedPostgres(data)
    with pytest.raises(StoreError, match="pg_control"):
        await server.start()
    assert server.pid is None
    # The folder was let go.
    with pytest.raises(StoreError, match="pg_control"):
        await server.start()


async def test_stop_does_not_wait_for_clients(data: Path) -> None:
    server = EmbeddedPostgres(data)
    await server.start()
    conn = await connect(server.url)
    transaction = conn.transaction()
    await transaction.start()
    await asyncio.wait_for(server.stop(), 10)
    await server.stop()
    conn.terminate()
    assert not server_processes(data)


async def test_a_start_that_is_cancelled_leaves_nothing(data: Path, eventually: Any) -> None:
    server = EmbeddedPostgres(data)
    starting = asyncio.create_task(server.start())
    await eventually((data / "postgres").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await eventually(lambda: not server_processes(data))
    async with running(data) as again:
        await commit_one(again.url)
