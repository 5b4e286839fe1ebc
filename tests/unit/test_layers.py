"""Imports point one way: what may know of what, held by reading the source."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "python"

GATE_SIDE = (
    "keystile",
    "keystile.asgi",
    "keystile.asking",
    "keystile.attachment",
    "keystile.client_address",
    "keystile.problems",
    "keystile.refusals",
    "keystile.wsgi",
)
FRAMEWORKS = ("litestar", "fastapi", "starlette", "django", "asgiref", "flask", "werkzeug")
MONITORS = ("prometheus_client", "opentelemetry")
STORE, HUB, CLI, AGENT = "keystile.store", "keystile.hub", "keystile.cli", "keystile.agent"
CONSOLE, ROOT_MODULE = "keystile.console", "keystile.hub.app"

_SQL = re.compile(r"\b(SELECT\b.+\bFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b|\.sql\b", re.DOTALL)


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name."""
    found = {}
    for path in sorted((SOURCE / "keystile").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    """All that a module imports anywhere in it; `from a import b` counts as `a` and as `a.b`."""
    return frozenset(_imports(ast.parse(modules()[module].read_text("utf-8")), module, modules()[module]))


def _imports(tree: ast.AST, module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def reached_from(module: str) -> set[str]:
    """All that is imported by a module, and by those of ours that it imports."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imports_of(waiting.pop()) - seen:
            seen.add(name)
            if name in modules():
                waiting.append(name)
    return seen


def within(names: Iterable[str], *packages: str) -> set[str]:
    """Those names that are one of the packages, or inside one."""
    return {name for name in names if any(f"{name}.".startswith(f"{package}.") for package in packages)}


def members(*packages: str) -> list[str]:
    """Our modules inside the packages."""
    found = sorted(within(modules(), *packages))
    assert found
    return found


@pytest.mark.parametrize("module", GATE_SIDE)
def test_the_gate_reaches_neither_the_rest_nor_the_frameworks(module: str) -> None:
    assert not within(reached_from(module), STORE, HUB, CLI, AGENT, *FRAMEWORKS, *MONITORS, "asyncpg")


@pytest.mark.parametrize(("module", "other"), [("prometheus", "opentelemetry"), ("otel", "prometheus_client")])
def test_what_tells_of_a_gate_needs_no_more_than_the_gate(module: str, other: str) -> None:
    assert not within(reached_from(f"keystile.{module}"), STORE, HUB, CLI, AGENT, *FRAMEWORKS, other, "asyncpg")


@pytest.mark.parametrize("framework", ["litestar", "fastapi", "django"])
def test_a_framework_is_known_where_it_is_served_alone(framework: str) -> None:
    others = {name for name in FRAMEWORKS if name not in {framework, "starlette", "asgiref"}}
    assert not within(reached_from(f"keystile.{framework}"), STORE, HUB, CLI, AGENT, "asyncpg", *others)


@pytest.mark.parametrize("module", members(STORE))
def test_the_store_knows_nothing_above_it(module: str) -> None:
    assert not within(imports_of(module), HUB, CLI, AGENT, "litestar")


@pytest.mark.parametrize("module", members(AGENT))
def test_the_agent_knows_neither_hub_nor_command_line(module: str) -> None:
    assert not within(imports_of(module), HUB, CLI, "litestar")


@pytest.mark.parametrize("module", members(HUB))
def test_the_hub_knows_neither_agent_nor_command_line(module: str) -> None:
    assert not within(imports_of(module), AGENT, CLI)


@pytest.mark.parametrize("module", sorted({*members(HUB)} - {ROOT_MODULE}))
def test_the_hub_knows_no_pages(module: str) -> None:
    assert not within(imports_of(module), CONSOLE)


@pytest.mark.parametrize("module", members(CONSOLE))
def test_the_console_asks_services_and_never_the_store(module: str) -> None:
    found = within(imports_of(module), STORE, CLI, AGENT, "asyncpg")
    assert not found - {name for name in found if name.startswith("keystile.store.records")}


@pytest.mark.parametrize("name", ["assets", "charts", "environment", "format", "security", "shell"])
def test_what_pages_stand_on_knows_neither_the_hub_nor_the_framework(name: str) -> None:
    assert not within(reached_from(f"{CONSOLE}.{name}"), HUB, "litestar")


SERVICES = [module for module in members(HUB) if module.endswith(".service")]


# Exactly what there is: whoever removes one of these imports removes it here too.
@pytest.mark.parametrize("module", SERVICES)
def test_services_know_neither_the_framework_nor_the_driver(module: str) -> None:
    found = within(imports_of(module), "litestar", "asyncpg", "keystile.store.sql")
    assert found == set()


@pytest.mark.parametrize("module", SERVICES)
def test_services_hold_no_sql(module: str) -> None:
    tree = ast.parse(modules()[module].read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if _SQL.search(text)]


def test_there_are_services() -> None:
    assert len(SERVICES) >= 5


def test_imports_are_seen_wherever_they_stand() -> None:
    source = "import a.b\ndef f():\n    from c import d\n    from . import e\n    from ..g import h\n"
    found = set(_imports(ast.parse(source), "x.y.z", Path("z.py")))
    assert found == {"a.b", "c", "c.d", "x.y", "x.y.e", "x.g", "x.g.h"}
    assert within({"ab", "a", "a.b", "b.a"}, "a") == {"a", "a.b"}
    assert "keystile.errors" in reached_from("keystile.asgi")


# Rust


def crates_under(name: str) -> set[str]:
    """Every crate that a crate of ours depends on, directly or not, for building and for tests too."""
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))["package"]
    needs: dict[str, set[str]] = {}
    for package in packages:
        wanted = {entry.split()[0] for entry in package.get("dependencies", ())}
        needs.setdefault(package["name"], set()).update(wanted)
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for crate in needs[waiting.pop()] - seen:
            seen.add(crate)
            waiting.append(crate)
    return seen


def test_the_core_knows_no_python() -> None:
    assert not {crate for crate in crates_under("keystile-core") if crate.startswith(("pyo3", "python", "keystile"))}


def test_the_binding_is_where_python_comes_in() -> None:
    assert {"pyo3", "keystile-core"} <= crates_under("keystile-python")
