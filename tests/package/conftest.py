"""What is built and installed once for all tests of the package, whichever process runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.package.building import Built


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
