"""The fast module stays light, and its stub tells the truth."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import keystile
import keystile._core as core

HEAVY = ["litestar", "asyncpg", "msgspec", "asyncio", "uvicorn", "httpx", "rich"]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_gate_loads_nothing_heavy() -> None:
    assert modules_after("from keystile import Gate").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["keystile", "keystile.asgi", "keystile.wsgi"])
def test_the_middleware_loads_neither_a_framework_nor_the_driver(module: str) -> None:
    frameworks = {"litestar", "fastapi", "starlette", "django", "flask"}
    assert modules_after(f"import {module}").isdisjoint({*frameworks, "asyncpg", "uvicorn"})


@pytest.mark.parametrize("module", ["fastapi", "django", "flask", "gunicorn", "opentelemetry"])
def test_the_package_needs_no_framework_that_it_serves(module: str) -> None:
    needed = [one.partition(";")[0] for one in requires("keystile") or () if "extra ==" not in one]
    assert needed
    assert not [one for one in needed if one.startswith(module)]


def test_the_check_of_modules_notices_a_heavy_one() -> None:
    assert "asyncpg" in modules_after("import asyncpg")


def test_all_names_exist() -> None:
    for name in keystile.__all__:
        assert getattr(keystile, name) is not None


def stub_classes() -> dict[str, set[str]]:
    stub = ast.parse(Path(core.__file__).with_name("_core.pyi").read_text())
    return {
        node.name: {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        for node in stub.body
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("name", sorted(stub_classes()))
def test_stub_and_module_have_the_same_members(name: str) -> None:
    public = {member for member in vars(getattr(core, name)) if not member.startswith("_")}
    assert public == {member for member in stub_classes()[name] if not member.startswith("_")}


def test_stub_and_module_have_the_same_functions() -> None:
    stub = ast.parse(Path(core.__file__).with_name("_core.pyi").read_text())
    functions = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    present = {name for name in vars(core) if not name.startswith("_") and not isinstance(vars(core)[name], type)}
    assert present == functions
