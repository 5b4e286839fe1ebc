"""A service manager is told how far we are; without one, and with one that is gone, nothing happens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from keystile.cli.serve.notify import READY, Notifier


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_it_is_told_and_children_are_not(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    address, name = ("s", "s") if kind == "path" else (f"\0keystile-{os.getpid()}", f"@keystile-{os.getpid()}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notifier = Notifier()
        assert "NOTIFY_SOCKET" not in os.environ
        notifier.tell(READY)
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().tell(READY)
    assert not caplog.records


def test_a_manager_that_is_gone_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Notifier().tell(READY)
    assert "cannot be told READY=1" in caplog.text
