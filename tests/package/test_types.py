"""The stub says what the compiled module is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.package.building import ROOT

STUB = ROOT / "python/keystile/_core.pyi"
BREAKS = {
    "a method that is not there": ("    def finish(self", "    def finished(self", "Gate.finish"),
    "another default": ("cost: int = 1", "cost: int = 2", "Gate.check"),
    "a name that is not there": ('    "mint",', '    "minted",', "__all__"),
}


def stubtest(folder: Path) -> subprocess.CompletedProcess[str]:
    """stubtest's word on `keystile._core`, with the stub in `folder`.

    It finds nothing wrong with a module that it cannot find, so the module is imported first.
    """
    words = "import keystile._core; from mypy.stubtest import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", words, "keystile._core"],
        env={"MYPYPATH": str(folder), "PATH": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def stub_in(folder: Path, text: str) -> Path:
    """A folder in which the package consists of its stub alone."""
    package = folder / "keystile"
    package.mkdir()
    (package / "__init__.pyi").touch()
    (package / "_core.pyi").write_text(text)
    return folder


def test_the_stub_is_true(tmp_path: Path) -> None:
    told = stubtest(stub_in(tmp_path, STUB.read_text()))
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_stub_that_is_not_true_is_noticed(tmp_path: Path) -> None:
    text = STUB.read_text()
    for there, instead, _ in BREAKS.values():
        assert text.count(there) == 1, there
        text = text.replace(there, instead)
    told = stubtest(stub_in(tmp_path, text))
    assert told.returncode == 1
    assert [what for what, (_, _, name) in BREAKS.items() if name not in told.stdout] == []
