"""Servers that do not outlive the test that started them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.serving import Serve, forget_segment


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
        forget_segment(data)
