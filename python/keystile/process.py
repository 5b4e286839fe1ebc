"""Small things about processes that the standard library leaves out (Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import os
from pathlib import Path

from keystile.errors import StoreError

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x00020000
_MS_NOSUID = 0x2
_MS_NODEV = 0x4
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal: int, *, parent: int | None = None) -> None:
    """Have the kernel send `signal` to this process when the thread that started it ends.

    Call it after any change of user, which clears it. A parent that ended before this call is noticed only if
    its pid is given as `parent`; then this process exits at once.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        raise os_error("prctl")
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def unshare_mounts() -> None:
    """Give this process mounts of its own: what it mounts from here on, nobody else sees. OSError if refused."""
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise os_error("unshare")
    _mount(None, b"/", None, _MS_REC | _MS_PRIVATE)


def mount_tmpfs(folder: str) -> None:
    """Put an empty folder in memory over `folder`, which others may enter but not write. OSError if refused."""
    _mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0755")


def mount_bind(source: str, folder: str) -> None:
    """Show the folder `source` at `folder` too. OSError if refused."""
    _mount(os.fsencode(source), os.fsencode(folder), None, _MS_BIND | _MS_REC)


def _mount(source: bytes | None, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    if _libc.mount(source, target, kind, ctypes.c_ulong(flags), options) != 0:
        raise os_error("mount")


def os_error(call: str) -> OSError:
    """The error that the last call into the C library left behind."""
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")


def without_our_variables() -> dict[str, str]:
    """The environment for a child that gets its settings, which hold secrets, in another way."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KEYSTILE_")}


class FolderLock:
    """A data folder held by one process; the kernel lets go when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Hold `folder`, through its file `lock`. StoreError if another process does, or nobody can write there."""
        try:
            self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreError(f"the data folder {folder} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise StoreError(f"the data folder {folder} is already in use by another keystile") from None

    def release(self) -> None:
        """Let go. Does nothing the second time."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
