"""PostgreSQL's own programs for dumps: which one fits a server, and how it is run."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from keystile.errors import StoreError
from keystile.store.binaries import program_folders

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_ASK_TIMEOUT_S = 10
_STDERR_CHARS = 2_000


def find_tool(name: str, server_major: int) -> Path:
    """The program of the server's own version, else the oldest newer one. StoreError if there is none."""
    places = [folder / name for folder in program_folders()]
    found = shutil.which(name)
    if found is not None:
        places.append(Path(found))
    known = {place: _major(place) for place in places if place.is_file()}
    fitting = sorted((major, -rank) for rank, major in enumerate(known.values()) if major >= server_major)
    if fitting:
        return list(known)[-fitting[0][1]]
    have = ", ".join(str(major) for major in sorted({major for major in known.values() if major})) or "none"
    raise StoreError(f"{name} of PostgreSQL {server_major} or newer is needed here; there is {have}")


async def run_tool(tool: Path, arguments: Sequence[str], *, password: str | None) -> bytes:
    """Run it to its end; what it wrote to stdout. StoreError with its own first complaint if it fails."""
    process = await asyncio.create_subprocess_exec(
        str(tool), *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=_environment(password)
    )
    try:
        output, complaints = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise StoreError(f"{tool.name} failed: {_first_error(complaints)}")
    return output


def without_password(url: str) -> tuple[str, str | None]:
    """The URL as an argument, which other users can read, and the password for the environment, which they cannot."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    user, _, secret = user.partition(":")
    password = unquote(secret) if secret else None
    kept = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "password":
            password = value
        elif name == "sslpassword":
            raise StoreError("a database URL with sslpassword cannot be handed to PostgreSQL's programs safely")
        else:
            kept.append((name, value))
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query=urlencode(kept))), password


def _major(program: Path) -> int:
    try:
        answer = subprocess.run(  # noqa: S603  a program found in fixed places, asked one fixed question
            [program, "--version"], capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = _VERSION.search(answer)
    return int(version[1]) if version else 0


def _environment(password: str | None) -> dict[str, str]:
    """Nothing of ours, and none of libpq's own variables: the URL says it all."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("KEYSTILE_", "PG"))}
    return {**kept, "LC_ALL": "C", **({} if password is None else {"PGPASSWORD": password})}


def _first_error(complaints: bytes) -> str:
    """Its first error alone: what follows may quote rows."""
    lines = complaints.decode("utf-8", "replace")[:_STDERR_CHARS].splitlines()
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return (errors or lines or ["it did not say why"])[0]
