"""Checks of this machine's gate, as a process that decides would see it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from keystile.cli.doctor.finding import Finding, fail, ok, warn
from keystile.errors import KeystileError
from keystile.settings import Settings, segment_path

FULL = 0.9


def check_gate(settings: Settings) -> Iterator[Finding]:
    """The segment: present, of this version, fresh, and not nearly full."""
    path = segment_path(settings)
    if not path.exists():
        yield warn("segment", f"{path} does not exist", "Start `keystile serve` or `keystile agent`.")
        return
    # Imported late, so that a build that is broken is reported and not raised.
    try:
        gate = importlib.import_module("keystile._core").Gate.attach(path)
    except (KeystileError, OSError, ImportError) as error:
        yield fail("segment", f"{path}: {error}", "Stop all of Keystile, remove the file, and start it again.")
        return
    yield ok("segment", f"{path}, revision {gate.applied_revision}")
    if gate.fresh:
        yield ok("freshness", "the gate hears from the database")
    else:
        yield fail("freshness", "the gate is stale and refuses", "See that the agent runs and has its database.")
    detail = f"{gate.key_count} keys of {gate.capacity}"
    if gate.key_count >= gate.capacity * FULL:
        yield warn("capacity", detail, "Raise `capacity` before it is full.")
    else:
        yield ok("capacity", detail)
