"""The wheel in an environment of its own, far from the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.package.building import ROOT, run

PROGRAM = ROOT / "tests/package/typing/program.py"
IGNORE = re.compile(r"  # type: ignore\[([a-z-]+)\]")

GATE = """
import sys
from pathlib import Path
import keystile
from keystile import Gate, KeyRecord, mint, new_key_id

assert "site-packages" in keystile.__file__, keystile.__file__
gate = Gate.open(Path(sys.argv[1]) / "gate", scopes=["read"], tiers=[("Standard", 60, 100)])
secret = mint()
gate.put(KeyRecord(new_key_id(), gate.digest(secret), scopes=["read"], tier="Standard"))
print(gate.check(secret, gate.scope("read")).code, gate.check(mint()).code)
"""
ALL = """
import importlib, importlib.metadata, pkgutil, keystile
extras = {f"keystile.{extra}" for extra in importlib.metadata.metadata("keystile").get_all("Provides-Extra")}
found = [module.name for module in pkgutil.walk_packages(keystile.__path__, "keystile.")]
for name in set(found) - extras:
    importlib.import_module(name)
print(len(found))
"""


def test_a_gate_decides(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "bin/python", "-I", "-c", GATE, tmp_path, folder=tmp_path)
    assert said.split() == ["ok", "unknown_key"]


def test_every_module_finds_what_it_needs(installed: Path, tmp_path: Path) -> None:
    """The extras apart: a dependency that only the tree's environment has would be missed here."""
    assert int(run(installed / "bin/python", "-I", "-c", ALL, folder=tmp_path)) > 100


def test_the_program_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "bin/keystile", "--version", folder=tmp_path) == "keystile 0.1.0\n"


def type_checked(program: Path, installed: Path) -> str:
    """What mypy says of a program that imports the installed package."""
    words = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", str(program.parent)]
    words += ["--python-executable", str(installed / "bin/python"), program.name]
    return subprocess.run(words, cwd=program.parent, capture_output=True, text=True, check=False).stdout


def test_each_line_that_must_not_pass_is_refused_and_no_other(installed: Path, tmp_path: Path) -> None:
    text = PROGRAM.read_text()
    assert len(IGNORE.findall(text)) > 10
    program = tmp_path / "program.py"
    program.write_text(text)
    assert type_checked(program, installed).startswith("Success")
    # The same without the marks: each of the lines, with the word that it was marked with.
    program.write_text(IGNORE.sub("", text))
    told = re.findall(r"^program\.py:(\d+): error: .*\[([a-z-]+)\]$", type_checked(program, installed), re.MULTILINE)
    marks = ((number, IGNORE.search(line)) for number, line in enumerate(text.splitlines(), 1))
    assert [(int(number), word) for number, word in told] == [(number, mark[1]) for number, mark in marks if mark]
