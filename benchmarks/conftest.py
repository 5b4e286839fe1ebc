"""What all benchmarks share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.baselines.valkey_server import ValkeyServer
from benchmarks.figures import figures_file, read
from benchmarks.table import as_text
from benchmarks.worlds import Standing


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in shared memory, where gates lie in production."""
    with tempfile.TemporaryDirectory(prefix="keystile-bench-", dir="/dev/shm") as made:
        yield Path(made)


@pytest.fixture
def world(folder: Path) -> Standing:
    """A gate in a folder of its own."""
    return Standing(folder)


@pytest.fixture
def valkey(folder: Path) -> Iterator[ValkeyServer]:
    """A Valkey server of the benchmark's own."""
    server = ValkeyServer(folder)
    yield server
    server.stop()


def is_part_of_a_larger_run() -> bool:
    """Whether `make bench` has begun the file of figures, and will print it when all is done."""
    return "KEYSTILE_FIGURES" in os.environ


def pytest_sessionstart() -> None:
    """Figures of an earlier run do not count."""
    if not is_part_of_a_larger_run():
        figures_file().unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of this run, beside their targets."""
    if figures_file().exists() and not is_part_of_a_larger_run():
        terminalreporter.section("figures of this run")
        terminalreporter.write(as_text(read(figures_file())))
