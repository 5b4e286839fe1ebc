"""The browser of the tests: a Chromium that is installed, else one that is fetched once.

`python -m tests.browser.chromium` makes sure that there is one and prints where.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoBrowserError(RuntimeError):
    """There is no browser and none could be fetched."""


def executable() -> Path:
    """A browser that can be started; fetched if there is none. `NoBrowserError` says in one sentence what to do."""
    return installed() or _fetched()


def installed() -> Path | None:
    """The browser on the search path, else Playwright's own, else none."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.is_file() else None


def _fetched() -> Path:
    for command in _commands():
        sys.stderr.write(f"Fetching a browser for the tests: {' '.join(command)}\n")
        done = subprocess.run(command, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if done.returncode == 0 and (found := installed()):
            return found
    raise NoBrowserError(
        "The console's tests need Chromium and could not fetch it: install the package `chromium`, or run "
        f"`{Path(sys.executable).name} -m playwright install chromium` where its downloads can be reached."
    )


def _commands() -> list[list[str]]:
    own = [sys.executable, "-m", "playwright", "install", "chromium"]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return [own]
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
    # The lists of a fresh machine are empty, and those of an old one name packages that are gone.
    return [install, ["sh", "-c", f"apt-get update -q && {' '.join(install)}"], own]


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{executable()}\n")
    except NoBrowserError as error:
        sys.exit(str(error))
