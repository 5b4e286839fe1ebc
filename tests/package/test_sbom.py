"""The bills of materials name what was installed and what was compiled, with versions."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.package.building import ROOT
from tests.package.test_locks import pinned
from tools.sbom import write


@pytest.fixture(scope="module")
def bills(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both, by what they are of."""
    folder = tmp_path_factory.mktemp("bills")
    # Checking it against the schema of CycloneDX takes ten times as long; `make sbom` does that.
    write(installed / "bin/python", folder, "--no-validate")
    return {kind: json.loads((folder / f"keystile-{kind}.cdx.json").read_text()) for kind in ("python", "rust")}


def components(bill: dict[str, Any]) -> dict[str, str]:
    """Versions by name."""
    return {one["name"]: one["version"] for one in bill["components"]}


def test_the_python_packages_are_those_of_the_lock(bills: dict[str, Any]) -> None:
    found = components(bills["python"])
    locked = {str(one).partition(";")[0] for one in pinned((ROOT / "requirements/runtime.txt").read_text())}
    assert f"asyncpg=={found['asyncpg']}" in locked
    # The environment itself, and what its Python does not need, apart.
    assert {f"{name.lower().replace('_', '-')}=={version}" for name, version in found.items()} <= locked
    assert len(found) > 25


def test_the_crates_are_those_of_the_lock(bills: dict[str, Any]) -> None:
    found = components(bills["rust"])
    locked = {one["name"]: one["version"] for one in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    assert found["sha2"] == locked["sha2"]
    # What only tests and benchmarks are built of is no part of the wheel.
    assert not {"criterion", "proptest", "loom"} & found.keys()


def test_they_say_what_they_are_of(bills: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for bill in bills.values():
        assert bill["bomFormat"] == "CycloneDX"
        assert bill["metadata"]["component"]["version"] == version
        assert bill["dependencies"]
