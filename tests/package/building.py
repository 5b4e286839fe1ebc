"""The wheel and the sdist, built once for all test processes from what cargo has compiled already."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
EPOCH = "1700000000"
"""Seconds since 1970 that everything in an archive is dated with. Older than what is compiled: see `build`."""


def uv() -> str:
    """The uv that made this environment: an installed one, else that of `make`."""
    return shutil.which("uv") or str(ROOT / ".tools/bin/uv")


def run(*words: str | Path, folder: Path, **environment: str) -> str:
    """Run a program in `folder`; what it says on stdout. What it says on stderr is shown when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist of `source` into `folder`, by the standard hooks of a build.

    Cargo's results are shared with the tree. Cargo tells sources by their path within the workspace and their dates;
    those of an unpacked sdist are older than what is compiled, so nothing is compiled again. That they are the same
    is for a test to show.
    """
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    run(
        *(uv(), "build", f"--{kind}", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, source),
        folder=folder,
        CARGO_TARGET_DIR=target,
        SOURCE_DATE_EPOCH=EPOCH,
        MATURIN_PEP517_USE_BASE_PYTHON="1",
    )
    (made,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])
    return made


class Built:
    """A folder with what was built, for all test processes of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Build it all, unless another test process has."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (self.folder / "done").exists():
                return
            for name in ("wheel", "again", "sdist", "from_sdist", "unpacked"):
                (self.folder / name).mkdir()
            build("wheel", ROOT, self.folder / "wheel")
            build("wheel", ROOT, self.folder / "again")
            with tarfile.open(build("sdist", ROOT, self.folder / "sdist")) as archive:
                archive.extractall(self.folder / "unpacked", filter="data")
            build("wheel", self.unpacked, self.folder / "from_sdist")
            self._install()
            (self.folder / "done").touch()

    def _install(self) -> None:
        """The locked versions of what the package needs, then the wheel, and nothing else."""
        pip = [uv(), "pip", "install", "--python", self.installed / "bin/python"]
        run(uv(), "venv", "--python", sys.executable, self.installed, folder=self.folder)
        run(*pip, "--require-hashes", "--requirement", ROOT / "requirements/runtime.txt", folder=self.folder)
        run(*pip, "--no-deps", self.wheel, folder=self.folder)

    @property
    def installed(self) -> Path:
        """The folder of a fresh environment with the wheel."""
        return self.folder / "installed"

    def _one(self, pattern: str) -> Path:
        (found,) = self.folder.glob(pattern)
        return found

    @property
    def wheel(self) -> Path:
        """The wheel of the tree."""
        return self._one("wheel/*.whl")

    @property
    def again(self) -> Path:
        """The wheel of the tree, built a second time."""
        return self._one("again/*.whl")

    @property
    def sdist(self) -> Path:
        """The source distribution."""
        return self._one("sdist/*.tar.gz")

    @property
    def unpacked(self) -> Path:
        """The folder in it."""
        return self._one("unpacked/*")

    @property
    def from_sdist(self) -> Path:
        """The wheel built from it."""
        return self._one("from_sdist/*.whl")
