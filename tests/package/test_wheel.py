"""What is in the wheel, what is not, and that the same comes out each time."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.package.building import ROOT, Built

PACKAGE = ROOT / "python/keystile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INFO = f"keystile-{PROJECT['version']}.dist-info"
DATA = ("*.sql", "*.html", "*.css", "*.js", "*.svg", "*.json", "*.LICENSE", "*.md", "*.py", "*.pyi", "py.typed")


def files_of(wheel: Path) -> dict[str, bytes]:
    """Every file in a wheel with what it holds."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: archive.read(name) for name in names}


@pytest.fixture(scope="module")
def files(built: Built) -> dict[str, bytes]:
    """Those of the wheel."""
    return files_of(built.wheel)


def bom_of(files: dict[str, bytes]) -> dict[str, Any]:
    """The bill of materials that lies in a wheel."""
    bom: dict[str, Any] = json.loads(files[f"{INFO}/sboms/keystile-python.cyclonedx.json"])
    return bom


def test_it_is_for_every_python_from_3_11_on(built: Built, files: dict[str, bytes]) -> None:
    assert re.fullmatch(r"keystile-[\d.]+-cp311-abi3-linux_\w+\.whl", built.wheel.name)
    assert b"\nTag: cp311-abi3-linux_" in files[f"{INFO}/WHEEL"]


def test_it_holds_the_package_and_nothing_else(files: dict[str, bytes]) -> None:
    wanted = {f"keystile/{path.relative_to(PACKAGE)}" for pattern in DATA for path in PACKAGE.rglob(pattern)}
    wanted |= {"keystile/_core.abi3.so"}
    assert {name for name in files if not name.startswith(f"{INFO}/")} == wanted
    for kind in ("store/queries/key_get.sql", "store/migrations/0001_schema.sql", "console/templates/base.html"):
        assert f"keystile/{kind}" in wanted
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert {name.removeprefix(f"{INFO}/") for name in files if name.startswith(INFO)} == {
        *about,
        "sboms/keystile-python.cyclonedx.json",
    }


def test_nothing_that_lies_in_the_package_is_forgotten(files: dict[str, bytes]) -> None:
    left = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }
    assert not left - {name.removeprefix("keystile/") for name in files}


def test_its_files_are_those_of_the_tree(files: dict[str, bytes]) -> None:
    assert not [
        name
        for name, data in files.items()
        if name.startswith("keystile/") and not name.endswith(".so") and data != (PACKAGE.parent / name).read_bytes()
    ]
    assert files[f"{INFO}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_versions_agree(files: dict[str, bytes]) -> None:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    assert workspace["package"]["version"] == PROJECT["version"]
    assert f"\nVersion: {PROJECT['version']}\n" in files[f"{INFO}/METADATA"].decode()
    assert bom_of(files)["metadata"]["component"]["version"] == PROJECT["version"]


def test_its_bill_of_materials_names_the_crates_that_are_locked(files: dict[str, bytes]) -> None:
    locked = {(one["name"], one["version"]) for one in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    named = {(one["name"], one["version"]) for one in bom_of(files)["components"]}
    assert {"sha2", "subtle", "memmap2", "pyo3"} <= {name for name, _ in named}
    assert named <= locked


def test_the_same_bytes_come_out_again(built: Built) -> None:
    assert built.wheel.read_bytes() == built.again.read_bytes()


def test_the_comparison_notices_a_difference(built: Built, tmp_path: Path) -> None:
    other = tmp_path / built.wheel.name
    other.write_bytes(built.wheel.read_bytes())
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("keystile/more.txt", "")
    assert other.read_bytes() != built.wheel.read_bytes()
    assert files_of(other).keys() != files_of(built.wheel).keys()
