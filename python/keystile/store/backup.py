"""Backups: the whole database in one file, as pg_dump writes it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from keystile.errors import StoreError
from keystile.store.pg_tools import find_tool, run_tool, without_password
from keystile.store.pool import connect

_LOCK_WAIT = "10s"


async def back_up(url: str, file: Path) -> int:
    """Write a backup of the database to `file`, readable by this user only; its size in bytes.

    The file is whole or not there, and an existing one is never overwritten: StoreError. It holds digests of keys, not
    keys, and no pepper.
    """
    _must_be_free(file)
    conn = await connect(url)
    try:
        major = conn.get_server_version().major
    finally:
        await conn.close()
    tool = find_tool("pg_dump", major)
    address, password = without_password(url)
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        # Made here, so that it is this user's alone from the first byte; and a file, not a pipe: only into a file does
        # pg_dump write where each table lies, by which a torn backup is known.
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from None
    try:
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--lock-wait-timeout={_LOCK_WAIT}"]
        await run_tool(tool, [*options, f"--dbname={address}", f"--file={draft}"], password=password)
        return _place(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _must_be_free(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise StoreError(f"{file} is there already; it is not overwritten")
    if not file.parent.is_dir():
        raise StoreError(f"there is no folder {file.parent}")


def _place(draft: Path, file: Path) -> int:
    """Give the draft its name; a link, unlike a rename, fails if somebody else took the name meanwhile. Its size."""
    size = draft.stat().st_size
    try:
        os.link(draft, file)
    except FileExistsError:
        _must_be_free(file)
    except OSError:
        # A file system without links: the look just before is all the care there can be.
        _must_be_free(file)
        draft.rename(file)
    with suppress(OSError):
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
    return size
