"""Checks of the machine: Python, kernel, shared memory."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from keystile.cli.doctor.finding import Finding, fail, ok, warn
from keystile.settings import Settings, segment_path

BYTES_PER_KEY = 280
"""About what a key takes in a segment, two indexes included, as there are while it grows; for an estimate only."""

FEW_KEYS = 50_000
"""Room for fewer is worth a warning."""


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Python and kernel, and whether the segment's folder can hold it."""
    # An older Python could not have loaded this program.
    yield ok("python", platform.python_version())
    if sys.platform == "linux":
        yield ok("kernel", f"Linux {platform.release()}")
    else:
        yield fail("kernel", platform.system(), "Keystile runs on Linux.")
    yield _shared_memory(settings)


def _shared_memory(settings: Settings) -> Finding:
    name = "shared memory"
    folder = _nearest(segment_path(settings).parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail(name, f"{folder} is not writable", "Make it writable, or set `segment` to a file elsewhere.")
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    room = free // BYTES_PER_KEY
    detail = f"{folder}: {free >> 20} MiB free, for about {room} more keys"
    if room < min(FEW_KEYS, settings.capacity) and not segment_path(settings).exists():
        return warn(name, detail, "Make it larger (with containers --shm-size).")
    return ok(name, detail)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
