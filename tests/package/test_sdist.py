"""The sdist holds all that a build needs, and gives the wheel that the tree gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.package.building import ROOT, Built
from tests.package.test_wheel import INFO, bom_of, files_of

SOURCES = ("crates", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md", "LICENSE")
MORE = {"PKG-INFO", "CHANGELOG.md", "SECURITY.md"}


def committed() -> set[str]:
    """What git knows of the sources; a file that is new and not ignored counts too."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in listed if (ROOT / name).exists()}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_holds_the_sources_as_they_are_and_nothing_else(built: Built) -> None:
    found = contents(built.unpacked)
    assert found.keys() - MORE == committed()
    assert found.keys() >= MORE
    assert not [name for name in found if name != "PKG-INFO" and found[name] != (ROOT / name).read_bytes()]


def test_no_secret_is_in_it(built: Built) -> None:
    """Neither by name, nor by shape; the crates' tests, which hold examples, are left aside."""
    names = {Path(name).name for name in contents(built.unpacked)}
    assert not names & {"operator.key", "pepper", "tombstones", ".env", "keystile.toml"}
    words = [Path(sys.executable).with_name("keystile"), "scan", "--json", built.unpacked / "python"]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    # The only one is the example of the documentation.
    assert {(one["start"], one["last4"]) for one in map(json.loads, found.splitlines())} == {("tos_4fG7", "2Kph")}


def test_the_wheel_from_it_is_that_of_the_tree(built: Built) -> None:
    """Byte for byte, but for where the bill of materials says that the sources lay."""
    tree, sdist = files_of(built.wheel), files_of(built.from_sdist)
    assert tree.keys() == sdist.keys()
    differing = {name.removeprefix(f"{INFO}/") for name in tree if tree[name] != sdist[name]}
    assert differing <= {"RECORD", "sboms/keystile-python.cyclonedx.json"}
    assert moved(bom_of(tree), ROOT) == moved(bom_of(sdist), built.unpacked)


def moved(bom: dict[str, Any], root: Path) -> str:
    """The same bill for sources that lie nowhere in particular, its entries in one order."""
    text = json.dumps(bom).replace(str(root), "")
    whole = json.loads(text)
    for part in ("components", "dependencies"):
        whole[part].sort(key=json.dumps)
    return json.dumps(whole)
