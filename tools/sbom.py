"""Writes the bills of materials of an environment with Keystile's wheel: `python -m tools.sbom PYTHON FOLDER`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def write(python: Path, folder: Path, *more: str) -> None:
    """Write both as CycloneDX: the Python packages there are, and the crates that the wheel was built of.

    `more` is for the program that writes the first.
    """
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", "--output-reproducible", *more]
    target = str(folder / "keystile-python.cdx.json")
    # Our own tool, from our own environment.
    subprocess.run([program, "environment", *options, "--output-file", target, str(python)], check=True)  # noqa: S603
    # The wheel brings its own bill (PEP 770).
    (crates,) = python.parents[1].glob("lib/python3.*/site-packages/keystile-*.dist-info/sboms/*.json")
    shutil.copyfile(crates, folder / "keystile-rust.cdx.json")


if __name__ == "__main__":
    write(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
