"""docs/reference/python.md: what applications import, read from the sources and the stub without running them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import griffe

from tools.reference.markdown import block, code, page, table

SOURCES = Path(__file__).parents[2] / "python"
MODULES = ("", "asgi", "wsgi", "fastapi", "django", "litestar", "prometheus", "otel", "errors")
"""The public modules; of each, what its `__all__` names."""

INTRODUCTION = """\
What applications import. Whatever does not stand here may change at any time ([compatibility](../compatibility.md)).
Examples are in [Python](../api.md#python) and [integrations](../integrations/README.md)."""

_WIDTH = 110


def python_page() -> str:
    """The page."""
    loader = griffe.GriffeLoader(search_paths=[SOURCES], allow_inspection=False)
    package = loader.load("keystile")
    loader.resolve_aliases()
    modules = [package[name] if name else package for name in MODULES]
    return page("Python reference", INTRODUCTION, (part for module in modules for part in _module(module)))


def _module(module: griffe.Object | griffe.Alias) -> Iterator[str]:
    yield f"## {module.path}"
    yield _docstring(module)
    for name in module.exports or ():
        member = module.members[str(name)]
        yield from _member(member.final_target if isinstance(member, griffe.Alias) else member)


def _member(member: griffe.Object) -> Iterator[str]:
    yield f"### {member.name}"
    if isinstance(member, griffe.Class):
        yield from _class(member)
    elif isinstance(member, griffe.Function):
        yield from _function(member, member.name)
    elif isinstance(member, griffe.Attribute):
        yield block("pyi", f"{member.name}: {member.annotation}")
        yield _docstring(member)


def _class(member: griffe.Class) -> Iterator[str]:
    bases = ", ".join(str(base) for base in member.bases)
    made = next((one for one in _functions(member) if one.name in {"__init__", "__new__"}), None)
    if made is not None:
        yield block("pyi", _signature(made, member.name, returns=False))
    elif bases:
        yield block("pyi", f"class {member.name}({bases})")
    yield _docstring(member)
    if made is not None:
        yield _docstring(made)
    for function in _functions(member):
        if not function.name.startswith("_"):
            yield f"#### {member.name}.{function.name}"
            yield from _function(function, function.name)
    yield table(("property", "type", "meaning"), _properties(member))


def _functions(member: griffe.Class) -> Iterator[griffe.Function]:
    return (one for one in member.members.values() if isinstance(one, griffe.Function))


def _properties(member: griffe.Class) -> Iterable[tuple[str, str, str]]:
    for name, one in member.members.items():
        if isinstance(one, griffe.Attribute) and one.docstring and not name.startswith("_"):
            yield code(name), code(one.annotation), _docstring(one)


def _function(function: griffe.Function, name: str) -> Iterator[str]:
    lines = "".join(f"@{label}\n" for label in sorted(function.labels & {"staticmethod", "classmethod"}))
    begin = "async def" if "async" in function.labels else "def"
    yield block("pyi", f"{lines}{_signature(function, f'{begin} {name}')}")
    yield _docstring(function)


def _signature(function: griffe.Function, name: str, *, returns: bool = True) -> str:
    """On one line where it fits, else with a line for each parameter."""
    whole = function.signature(name=name, return_type=returns)
    if len(whole) <= _WIDTH:
        return whole
    inner = whole[len(name) + 1 : whole.rindex(")")]
    end = whole[whole.rindex(")") :]
    lines = "".join(f"    {parameter},\n" for parameter in _parameters(inner))
    return f"{name}(\n{lines}{end}"


def _parameters(text: str) -> Iterator[str]:
    """The parts of a list between its own commas, not those within brackets."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def _docstring(member: griffe.Object | griffe.Alias) -> str:
    return member.docstring.value if member.docstring else ""
