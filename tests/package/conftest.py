"""What is built and installed once for all tests of the package, whichever process runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystile.settings import Settings, segment_path
from tests.package.building import Built
from tests.package.programs import Program, running


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheels and the sdist."""
    base = tmp_path_factory.getbasetemp()
    # Test processes have a folder each; the one above is that of the whole run.
    made = Built((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built")
    made.make()
    return made


@pytest.fixture(scope="session")
def installed(built: Built) -> Path:
    """The folder of a fresh environment with the wheel and the locked versions of what it needs, and nothing else."""
    return built.installed


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of `served`."""
    folder = tmp_path_factory.mktemp("served") / "data"
    yield folder
    segment = segment_path(Settings(data=folder))
    for path in segment.parent.glob(f"{segment.name}*"):
        path.unlink()


@pytest.fixture(scope="session")
def served(installed: Path, data: Path) -> Iterator[Program]:
    """The installed `keystile serve --demo`, ready."""
    command = [installed / "bin/keystile", "serve", "--demo", "--port", "0", "--data", data]
    with running(command, data.parent) as program:
        assert program.told() == "READY=1"
        yield program
