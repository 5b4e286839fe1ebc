"""Where the proxies come from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proxies import programs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_on_the_search_path_is_used(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / name
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.executable(name) == program


def test_where_one_cannot_be_had_it_says_so_in_a_sentence(tmp_path: Path) -> None:
    program = "from tests.proxies import programs as p; import sys; p._FOLDERS = (); sys.exit(p.main())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "The tests of proxies need nginx, caddy, haproxy and could not fetch them: install the"
    )
    assert "envoy" in done.stdout
