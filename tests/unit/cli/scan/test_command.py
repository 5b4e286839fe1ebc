"""Stdin, prefixes and wrong usage of `keystile scan`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keystile import mint


def test_stdin(keystile: Any) -> None:
    secret = mint()
    result = keystile("scan", "-", input=f"one\ntwo {secret}")
    assert (result.exit_code, result.stdout) == (1, f"-:2:5: {secret[:8]}…{secret[-4:]}\n")
    assert keystile("scan", "-", input="").exit_code == 0


def test_what_a_pipe_brings_is_told_before_it_ends(tmp_path: Path) -> None:
    secret = mint()
    command = [sys.executable, "-c", "from keystile.cli.main import main; main()", "scan", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(f"{secret}\n{' ' * 100}".encode())
        running.stdin.flush()
        assert running.stdout.readline() == f"-:1:1: {secret[:8]}…{secret[-4:]}\n".encode()
        running.stdin.close()
        assert running.wait() == 1


def test_the_prefix_is_that_of_the_settings_or_those_that_are_given(
    keystile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"{mint('acme_')}\n{mint()}\n"
    assert keystile("scan", "-", input=both).stdout.startswith("-:2:1: tos_")
    monkeypatch.setenv("KEYSTILE_PREFIX", "acme_")
    assert keystile("scan", "-", input=both).stdout.startswith("-:1:1: acme_")
    lines = keystile("scan", "-", "--prefix", "tos_", "--prefix", "acme_", input=both).stdout.splitlines()
    assert [line[:10] for line in lines] == ["-:1:1: acm", "-:2:1: tos"]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["nowhere"],
        ["--history", "-"],
        ["--history", "file"],
        ["--prefix", "TOS_", "file"],
        ["--prefix", "", "file"],
    ],
)
def test_wrong_usage_is_2(keystile: Any, tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "file").write_text(mint())
    result = keystile("scan", *args)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_secret_given_as_a_path_is_not_repeated(keystile: Any) -> None:
    secret = mint()
    result = keystile("scan", secret)
    assert result.exit_code == 2
    assert secret not in result.output


def test_progress_is_for_a_terminal_and_never_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(mint())
    ours, theirs = pty.openpty()
    code = (
        "from keystile.cli.scan import progress; progress._INTERVAL_S = 0\nfrom keystile.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", "file"], stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path, check=False
    )
    os.close(theirs)
    told = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.stdout.startswith(b"file:1:1: tos_")
    assert done.stdout.count(b"\n") == 1
    assert "looking: 1 files" in told
    assert "leaked secrets: 1" in told
