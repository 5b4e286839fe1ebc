"""The wheel in an environment of its own, far from the tree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from keystile.settings import Settings, segment_path
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
import importlib, pkgutil, keystile
extras = {"keystile.fastapi", "keystile.django"}
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


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What `keystile serve --demo --json` of the installed program says when it is ready."""
    data = tmp_path / "data"
    command = [installed / "bin/keystile", "serve", "--demo", "--json", "--port", "0", "--data", data]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        text = process.stdout.read(1)
        while not text.endswith("}\n"):
            text += process.stdout.readline()
            assert process.poll() is None, (tmp_path / "log").read_text()
        yield json.loads(text)
    finally:
        process.terminate()
        assert process.wait(60) == 0
        for path in segment_path(Settings(data=data)).parent.glob(segment_path(Settings(data=data)).name + "*"):
            path.unlink()


def test_it_serves(served: dict[str, str]) -> None:
    key = Path(served["operator_key_file"]).read_text().strip()
    with httpx.Client(base_url=served["url"], headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/keys").json()["items"]
        assert client.get("/api/tickets").status_code == 200
        assert "htmx" in client.get("/console/sign-in").text


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
