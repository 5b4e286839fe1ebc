"""Who holds the right to write a segment, so that one which hangs can be ended.

The holder writes its pid and start time into the lock's file once it holds it. The lock itself is the kernel's.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

_STARTED_AT = 19
"""Place of a process's start among the fields of /proc/PID/stat that follow its name."""
_LOCKS = Path("/proc/locks")


class Holder(NamedTuple):
    """One process, told from a later one with the same pid by when it started (clock ticks since boot)."""

    pid: int
    started: int


def lock_of(segment: Path) -> Path:
    """The lock's file of a segment."""
    return segment.with_name(segment.name + ".lock")


def sign(segment: Path) -> None:
    """Say that this process holds the lock. Only for who does."""
    pid = os.getpid()
    handle = os.open(lock_of(segment), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"{pid} {_started(pid)}\n".encode())
    finally:
        os.close(handle)


def holder_of(segment: Path) -> Holder | None:
    """Who signed the lock last; it may be gone."""
    try:
        pid, started = lock_of(segment).read_text("ascii").split()
        return Holder(int(pid), int(started))
    except (OSError, ValueError):
        return None


def end(holder: Holder, segment: Path) -> bool:
    """End a holder that hangs, for good: a process that was killed never writes again. Whether it was killed.

    Nobody else is hit: the process is pinned before it is compared, and it must hold this very lock. PermissionError
    for a process that is not ours to end.
    """
    try:
        handle = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return False
    try:
        if _started(holder.pid) != holder.started or not _holds(holder.pid, lock_of(segment)):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _started(pid: int) -> int:
    """When a process started; 0 if there is none."""
    try:
        # The name before it may hold anything, blanks and brackets included.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_STARTED_AT])
    except (OSError, IndexError):
        return 0


def _holds(pid: int, lock: Path) -> bool:
    """Whether the kernel says so; where it says nothing of locks, the start time has to do."""
    try:
        lines = [line.split() for line in _LOCKS.read_text().splitlines()]
        number = str(lock.stat().st_ino)
    except FileNotFoundError:
        return not _LOCKS.exists()
    holders = [line[4] for line in lines if line[1] == "FLOCK" and line[5].rpartition(":")[2] == number]
    return str(pid) in holders
