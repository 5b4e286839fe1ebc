"""Servers that do not outlive the test that started them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keystile.settings import Settings, segment_path
from tests.processes.serving import Serve


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Starts servers that do not outlive the test."""
    running: list[Serve] = []

    def start(*args: str, data: Path | None = None) -> Serve:
        running.append(Serve(data or tmp_path / "data", *args))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.kill_group()
    for data in tmp_path.iterdir():
        # A segment outlives its servers on purpose; those of a test would fill the machine's memory.
        segment = segment_path(Settings(data=data))
        segment.unlink(missing_ok=True)
        segment.with_name(segment.name + ".lock").unlink(missing_ok=True)
