"""Becomes a PostgreSQL program: `python -m keystile.store.launch PLAN`, with a plan in JSON.

Between being started and being PostgreSQL this process sheds root (PostgreSQL refuses to be root), hands over
the data folder, and ties its life to its parent's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from keystile.process import die_with_parent, mount_bind, mount_tmpfs, unshare_mounts

DATA = "{data}"
"""Stands for the data folder in the arguments of a plan."""

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_STAGE = "/tmp"  # noqa: S108  only ever covered by a mount that nobody else sees


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to become. It is visible to other users of the machine: never put a secret in it."""

    parent: int
    """The pid whose end ends the program."""
    end_signal: int
    """The signal by which it ends then."""
    binaries: str
    installation: str
    """A folder above `binaries` that holds everything the programs need."""
    program: str
    arguments: list[str]
    data: str
    """The data folder; it exists and belongs to the program's user."""
    user: tuple[int, int] | None = None
    """The uid and gid to run as; None: as they are."""
    files: dict[str, str] = {}
    """Text files to write into the data folder first, as the program's user."""


def main() -> None:
    """Carry out the plan in the first argument; only returns by an exception."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    # PostgreSQL gets its data folder as an open handle: the folders above it may then stay closed to its user.
    data = os.open(plan.data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    os.set_inheritable(data, True)
    os.fchdir(data)
    binaries = plan.binaries
    if plan.user is not None:
        if not _can_run(plan.user, binaries, plan.program):
            binaries = _show_privately(plan.installation, binaries)
            if not _can_run(plan.user, binaries, plan.program):
                sys.exit(f"{plan.binaries} cannot be reached by the user that PostgreSQL runs as")
        _become(plan.user)
    os.umask(0o077)
    for name, text in plan.files.items():
        Path(name).write_text(text, "utf-8")
    die_with_parent(plan.end_signal, parent=plan.parent)
    program = f"{binaries}/{plan.program}"
    folder = f"/proc/self/fd/{data}"
    arguments = [folder if argument == DATA else argument for argument in plan.arguments]
    os.execve(program, [program, *arguments], _ENVIRONMENT)  # noqa: S606  that is the purpose


def _become(user: tuple[int, int]) -> None:
    uid, gid = user
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _can_run(user: tuple[int, int], binaries: str, program: str) -> bool:
    """Whether `user` reaches the program: asked by a process that has become that user."""
    child = os.fork()
    if child == 0:
        _become(user)
        os._exit(0 if os.access(f"{binaries}/{program}", os.R_OK | os.X_OK) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _show_privately(installation: str, binaries: str) -> str:
    """Make the programs reachable to this process alone, leaving the folders above them as closed as they are.

    For an installation below a closed home folder, say root's. Gives the new name of `binaries`.
    """
    try:
        unshare_mounts()
        # The handle must be of the new mounts, and outlive the covering of the stage, which may lie above it.
        handle = os.open(installation, os.O_RDONLY | os.O_DIRECTORY)
        mount_tmpfs(_STAGE)
        shown = Path(_STAGE, "postgresql")
        shown.mkdir(mode=0o755)
        mount_bind(f"/proc/self/fd/{handle}", str(shown))
        os.close(handle)
    except OSError as error:
        sys.exit(
            f"{binaries} cannot be reached by the user that PostgreSQL runs as, and a private view of it is"
            f" refused ({error.strerror}): install keystile where every user can read it"
        )
    return str(shown / Path(binaries).relative_to(installation))


if __name__ == "__main__":
    main()
