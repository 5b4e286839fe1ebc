"""Checks of the data folder: who may look into it and into its secrets."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from keystile.cli.doctor.finding import Finding, fail, ok, warn
from keystile.errors import SettingsError
from keystile.pepper import PEPPER_FILE, pepper_bytes
from keystile.settings import Settings

START = "Start `keystile serve` once; it makes what is missing."


def check_folder(settings: Settings) -> Iterator[Finding]:
    """The folder itself, the pepper and the operator's key."""
    folder = settings.data
    if not folder.is_dir():
        yield warn("data folder", f"{folder} does not exist", START)
        return
    yield _modes("data folder", folder, allowed=0o711)
    yield _pepper(settings)
    key = folder / "operator.key"
    if settings.key is not None:
        yield ok("operator's key", "given as a setting")
    elif key.exists():
        yield _modes("operator's key", key, allowed=0o600)
    else:
        yield warn("operator's key", f"{key} does not exist", START)


def _pepper(settings: Settings) -> Finding:
    name = "pepper"
    path = settings.data / PEPPER_FILE
    if settings.pepper is None and not path.exists():
        return warn(name, f"{path} does not exist", START)
    try:
        pepper_bytes(settings)
    except SettingsError as error:
        return fail(name, str(error), "Restore it from a backup: without it no key is recognised.")
    return ok(name, "given as a setting") if settings.pepper else _modes(name, path, allowed=0o600)


def _modes(name: str, path: Path, *, allowed: int) -> Finding:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    detail = f"{path} mode {mode:04o}"
    if mode & ~allowed & 0o777:
        return fail(name, detail, f"Others may reach it: chmod {allowed & 0o700:04o} {path}")
    if status.st_uid not in {os.geteuid(), 0}:
        return warn(name, f"{detail}, owned by user {status.st_uid}", "Run Keystile as the user who owns it.")
    return ok(name, detail)
