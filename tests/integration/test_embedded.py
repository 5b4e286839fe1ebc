"""The embedded server: private, in one hand at a time, and there again after whatever happens to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from keystile.errors import StoreError
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect

APP = Path(__file__).with_name("embedded_app.py")
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is still to be made, below one that is closed to everybody else."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


@asynccontextmanager
async def running(data: Path, **options: Any) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def ask(url: str, statement: str) -> Any:
    conn = await connect(url)
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()


async def commit_one(url: str) -> None:
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS n")


async def start_app(data: Path) -> tuple[Process, int]:
    """The application in a process of its own, and its server's pid."""
    app = await asyncio.create_subprocess_exec(sys.executable, str(APP), str(data), stdout=PIPE)
    assert app.stdout is not None
    return app, int(await asyncio.wait_for(app.stdout.readline(), 60))


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected by its new parent has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def server_processes(data: Path) -> list[int]:
    """Every process that works in the cluster's folder."""
    folder = data / "postgres"
    pids = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").samefile(folder):
                pids.append(int(entry.name))
    return pids


async def test_it_starts_stops_and_keeps_what_was_committed(data: Path) -> None:
    async with running(data) as server:
        await commit_one(server.url)
        assert await ask(server.url, "SELECT current_user || '/' || current_database()") == "keystile/keystile"
        assert await ask(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert await ask(server.admin_url, "SHOW fsync") == "on"
        assert await ask(server.admin_url, "SHOW listen_addresses") == ""
        assert await ask(server.admin_url, "SHOW data_checksums") == "on"
        pid = server.pid
        assert pid is not None
    assert server.pid is None
    assert is_gone(pid)
    async with running(data) as server:
        assert await ask(server.url, "SELECT n FROM kept") == 42


async def test_the_folder_stays_private(data: Path) -> None:
    data.mkdir(mode=0o700)
    (data / "operator.key").write_text("tos_secret")
    (data / "operator.key").chmod(0o600)
    async with running(data):
        assert data.stat().st_mode & 0o777 == 0o700
        for path in [data, *data.iterdir()]:
            assert path.lstat().st_mode & 0o077 == 0, path
        owner = (data / "postgres").stat().st_uid
        assert (owner != os.geteuid()) == IS_ROOT
        assert {path.lstat().st_uid for path in data.iterdir() if path.name != "postgres"} == {os.geteuid()}


async def test_the_log_holds_nothing_of_a_failed_statement(data: Path) -> None:
    async with running(data) as server:
        conn = await connect(server.url)
        await conn.execute("CREATE TABLE one (value text UNIQUE CHECK (value <> 'tos_secret3'))")
        await conn.execute("INSERT INTO one VALUES ($1)", "tos_secret1")
        for statement, values in (
            ("INSERT INTO one VALUES ($1)", ["tos_secret1"]),
            ("INSERT INTO one VALUES ($1)", ["tos_secret3"]),
            ("SELECT 'tos_secret2'::integer", []),
            ("SELECT 1/0, 'tos_secret4'", []),
        ):
            with pytest.raises(Exception, match=r"."):
                await conn.execute(statement, *values)
        await conn.close()
    # Messages of casts quote the input itself; no query of ours casts text that came from outside.
    log = (data / "postgres.log").read_text().replace('integer: "tos_secret2"', "")
    assert "unique constraint" in log
    assert "tos_secret" not in log


async def test_the_server_sees_none_of_our_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_PEPPER", "tos_secret")
    async with running(data) as server:
        variables = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"tos_secret" not in variables
    assert b"KEYSTILE" not in variables


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


async def test_a_killed_server_is_started_again(data: Path, eventually: Any) -> None:
    async with running(data) as server:
        watching = asyncio.create_task(server.watch())
        try:
            await commit_one(server.url)
            for _ in range(2):
                before = server.pid
                assert before is not None
                os.kill(before, signal.SIGKILL)

                async def answers(before: int = before) -> bool:
                    with suppress(StoreError):
                        return server.pid != before and await ask(server.url, "SELECT n FROM kept") == 42
                    return False

                await eventually(answers)
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


async def test_one_application_at_a_time(data: Path) -> None:
    async with running(data) as server:
        with pytest.raises(StoreError, match="already in use"):
            await EmbeddedPostgres(data).start()
        other = await asyncio.create_subprocess_exec(sys.executable, str(APP), str(data), stderr=PIPE)
        _, complaint = await other.communicate()
        assert other.returncode == 1
        assert b"already in use" in complaint
        await commit_one(server.url)


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


async def test_programs_that_its_user_cannot_reach(data: Path, tmp_path: Path) -> None:
    """As for a virtual environment below root's home: the server runs, and the folders stay closed."""
    installation = installed_folders()[0].parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    subprocess.run(["cp", "-r", str(installation), str(closed / "pg")], check=True)
    async with running(data, binaries=closed / "pg" / "bin") as server:
        await commit_one(server.url)
        assert closed.stat().st_mode & 0o777 == 0o700
        namespaces = {Path(f"/proc/{pid}/ns/mnt").readlink() for pid in ("self", server.pid)}
        assert len(namespaces) == (2 if IS_ROOT else 1)
    async with running(data, binaries=closed / "pg" / "bin") as server:
        assert await ask(server.url, "SELECT n FROM kept") == 42


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 20) / "ünï code" / "data"
    async with running(data) as server:
        await commit_one(server.url)
        links = [path for path in Path(f"/dev/shm/keystile-{os.geteuid()}").iterdir() if path.is_symlink()]
        assert data / "postgres" in {link.readlink() for link in links}
    assert not any(link.is_symlink() for link in links if not link.exists())


async def test_a_half_made_cluster_is_made_anew(data: Path) -> None:
    (data / "postgres.new" / "base").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with running(data) as server:
        await commit_one(server.url)
    assert not (data / "postgres.new").exists()


async def test_a_folder_that_is_no_cluster(data: Path) -> None:
    (data / "postgres").mkdir(parents=True)
    if IS_ROOT:
        os.chown(data / "postgres", 65534, 65534)
    with pytest.raises(StoreError, match="not a PostgreSQL data folder"):
        await EmbeddedPostgres(data).start()


async def test_a_cluster_of_another_version_or_owner(data: Path) -> None:
    async with running(data):
        pass
    version = data / "postgres" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("14\n")
    with pytest.raises(StoreError, match="made by PostgreSQL 14"):
        await EmbeddedPostgres(data).start()
    version.write_text(kept)
    if IS_ROOT:
        os.chown(data / "postgres", 0, 0)
        with pytest.raises(StoreError, match="belongs to user root"):
            await EmbeddedPostgres(data).start()


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


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_only_the_main_thread_may_start_it(data: Path) -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(lambda: asyncio.run(EmbeddedPostgres(data).start()))


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


def installed_folders() -> list[Path]:
    """Where PostgreSQL is installed on this machine, each version once."""
    from keystile.store.binaries import _identify, _places  # noqa: PLC0415

    found = {one.major: one.folder for place in _places() if (one := _identify(place))}
    return [folder for major, folder in found.items() if major >= 15]


@pytest.mark.parametrize("folder", installed_folders(), ids=str)
async def test_every_installed_version_will_do(data: Path, folder: Path) -> None:
    from keystile.store.migrate import available, migrate  # noqa: PLC0415

    async with running(data, binaries=folder) as server:
        conn = await connect(server.url)
        assert len(await migrate(conn)) == len(available())
        await conn.close()
