"""Documents that can fail: what they say of settings, codes, commands and calls is held to the code."""

from __future__ import annotations

import ast
import json
import os
import re
import textwrap
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import rich_click as click

from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS
from keystile.cli.main import cli
from keystile.hub.app import create_app
from keystile.problems import PROBLEMS
from keystile.settings import _RANGES, Settings, load

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs/api.md").read_text("utf-8")
SETTINGS = (ROOT / "docs/settings.md").read_text("utf-8")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def _documents() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in {"target", "dist"}]
        yield from (Path(folder, name) for name in names if name.endswith(".md"))


DOCUMENTS = sorted(_documents())


def _rows(text: str) -> list[list[str]]:
    """The cells of every table row; a pipe within code or after a backslash would end one."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def _blocks(language: str) -> list[Any]:
    found = (
        (path, text) for path in DOCUMENTS for kind, text in _BLOCK.findall(path.read_text("utf-8")) if kind == language
    )
    return [pytest.param(text, id=f"{path.relative_to(ROOT)}-{number}") for number, (path, text) in enumerate(found)]


def _table(text: str, *heading: str) -> list[list[str]]:
    """The rows of the first table whose heading has these cells."""
    for part in re.split(r"\n(?!\|)", text):
        rows = _rows(part.lstrip("\n"))
        if rows and set(heading) <= set(rows[0]):
            return rows[2:]
    raise AssertionError(f"there is no table with {heading}")


# Settings


def _setting_rows() -> dict[str, list[str]]:
    return {row[0].strip("`"): row for row in _rows(SETTINGS) if len(row) == 7 and row[2].startswith("`KEYSTILE_")}


def _default(name: str) -> str:
    value = {field.name: field.default for field in msgspec.structs.fields(Settings)}[name]
    if name == "data":
        return "`/var/lib/keystile`"  # root's; it is made by a function
    if name in {"scopes", "tiers"}:
        words = {10: "ten", 3: "three"}
        return f"[{words[len(value)]}](api.md#scopes-and-tiers)"
    return "none" if value is None else "`{}`".format(json.dumps(value).strip('"'))


def test_exactly_the_settings_there_are_stand_in_the_table() -> None:
    assert list(_setting_rows()) == list(Settings.__struct_fields__)


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_a_setting_has_its_variable_default_and_range(name: str) -> None:
    _, _, variable, default, _, limits, meaning = _setting_rows()[name]
    assert variable == f"`KEYSTILE_{name.upper()}`"
    assert default == _default(name)
    assert meaning
    if name in _RANGES:
        assert limits == "{} to {}".format(*_RANGES[name])


def test_a_setting_has_the_flag_that_the_commands_know() -> None:
    flags = {
        parameter.name: max(parameter.opts, key=len)
        for command in (_commands()["keystile serve"], _commands()["keystile keys list"])
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name in Settings.__struct_fields__
    }
    told = {name: row[1].strip("`") for name, row in _setting_rows().items() if row[1]}
    assert told == flags


@pytest.mark.parametrize("text", _blocks("toml"))
def test_a_settings_file_is_accepted(text: str, tmp_path: Path) -> None:
    assert tomllib.loads(text)
    file = tmp_path / "keystile.toml"
    file.write_text(text)
    load(environ={"HOME": str(tmp_path)}, file=file)


# Keys and gates


def test_the_catalogue_is_the_default_one() -> None:
    scopes = _table(API, "scope", "grants access to")
    assert [name for name, _ in scopes] == [scope.name for scope in DEFAULT_SCOPES]
    assert all(grants.startswith(scope.grants) for (_, grants), scope in zip(scopes, DEFAULT_SCOPES, strict=True))
    assert _table(API, "tier", "burst limit") == [
        [tier.name, str(tier.rate), str(tier.burst)] for tier in DEFAULT_TIERS
    ]


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_code_stands_in_a_table_with_its_status(code: str) -> None:
    assert [row for row in _rows(API) if str(PROBLEMS[code].status) in row and any(f"`{code}`" in cell for cell in row)]


def test_no_table_names_a_code_that_there_is_not() -> None:
    gate, hub = _table(API, "condition", "`code`"), _table(API, "`code`", "when")
    named = {code for cell in [row[-1] for row in gate] + [row[0] for row in hub] for code in _CODE.findall(cell)}
    assert named == PROBLEMS.keys() | {"ok"}


# The command line


@cache
def _commands() -> dict[str, click.Command]:
    """Every command that is no group, by what is typed for it."""

    def walk(words: str, command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield words, command
            return
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(f"{words} {name}", found, context)

    return dict(walk("keystile", cli, click.Context(cli)))


def _command_rows() -> dict[str, list[str]]:
    """The rows of the table of commands; `ID`, `NAME` and the like are no part of what is looked for."""
    rows = [row for row in _rows(API) if row[0].startswith("`keystile ") and len(row) == 3]
    return {re.sub(r"( \[?[A-Z]+\]?)+$", "", words): row for row in rows for words in _CODE.findall(row[0])}


def test_exactly_the_commands_there_are_stand_in_the_table() -> None:
    assert set(_command_rows()) == set(_commands())


@pytest.mark.parametrize("words", sorted(_commands()))
def test_a_command_has_the_options_that_are_told(words: str) -> None:
    known = {name for option in _commands()[words].params for name in (*option.opts, *option.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", _command_rows()[words][2])) <= known


def _told_commands() -> set[str]:
    """Every command that stands within a sentence or a table, but for a changelog's."""
    texts = (path.read_text("utf-8") for path in DOCUMENTS if path.name != "CHANGELOG.md")
    plain = (re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL) for text in texts)
    return {code for text in plain for code in _CODE.findall(text) if code.startswith("keystile ")}


def _is_command(words: str) -> bool:
    """Whether these words lead to a command; further ones are its arguments, if it takes any."""
    _, *rest = words.split()
    found: click.Command | None = cli
    while isinstance(found, click.Group) and rest and re.fullmatch("[a-z-]+", rest[0]) and rest[0][0] != "-":
        found = found.get_command(click.Context(found), re.split(r"[|…]", rest.pop(0))[0])
    takes = found is not None and any(isinstance(parameter, click.Argument) for parameter in found.params)
    return found is not None and (takes or not rest or not re.fullmatch("[a-z]+", rest[0]))


@pytest.mark.parametrize("words", sorted(_told_commands()))
def test_a_command_in_a_sentence_is_one(words: str) -> None:
    assert _is_command(words)


def test_a_wrong_command_would_be_noticed() -> None:
    assert not any(_is_command(words) for words in ("keystile scopes list", "keystile kees list", "keystile keys lst"))


# The HTTP API


@pytest.fixture(scope="module")
async def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The running server's own description, which needs no database."""
    settings = Settings(
        data=tmp_path_factory.mktemp("hub"), database_url="postgresql://nobody@127.0.0.1:1/none", pepper="00" * 32
    )
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


async def test_every_call_is_told(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        many = len(item) > 3  # forward authentication: any method
        for method in ("",) if many else item:
            call = path if many else f"{method.upper()} {path}"
            assert re.search(rf"`{re.escape(call)}`", API), call


async def test_no_call_is_told_that_there_is_not(described: dict[str, Any]) -> None:
    told = set(re.findall(r"`(GET|POST|PATCH|PUT|DELETE) (/[^`?\s]*)`", API))
    assert told
    assert {path for _, path in told} <= described["paths"].keys()
    assert all(method.lower() in described["paths"][path] for method, path in told)


async def test_every_parameter_and_field_is_told(described: dict[str, Any]) -> None:
    operations = [operation for item in described["paths"].values() for operation in item.values()]
    names = {parameter["name"] for operation in operations for parameter in operation.get("parameters", ())}
    for schema in ("CreateKey", "UpdateKey", "RotateKey", "RevokeKey", "Verify", "Verdict", "Key", "Tenant", "Problem"):
        names |= described["components"]["schemas"][schema]["properties"].keys()
    # Within code, and not as an option of a command.
    code = "\n".join([*_CODE.findall(re.sub("```", "", API)), *(text for _, text in _BLOCK.findall(API))])
    assert not {name for name in names if not re.search(rf"(?<![\w-]){name}\b", code)}


@pytest.mark.parametrize("text", _blocks("json"))
def test_an_example_is_json(text: str) -> None:
    json.loads(text)


# Python


def _signatures() -> dict[str, list[str]]:
    """The parameters of everything in the stub that can be called, by `name` or `Class.name`."""
    stub = ast.parse((ROOT / "python/keystile/_core.pyi").read_text("utf-8"))
    found: dict[str, list[str]] = {}
    for node in stub.body:
        members = [(f"{node.name}.", item) for item in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
        for owner, item in members:
            if isinstance(item, ast.FunctionDef):
                names = [argument.arg for argument in (*item.args.args, *item.args.kwonlyargs)]
                found[(owner + item.name).removesuffix(".__new__")] = [n for n in names if n not in {"self", "cls"}]
    return found


def test_what_can_be_called_from_python_has_these_parameters() -> None:
    cells = [row[0] for row in _rows(API[API.index("\n## Python\n") :])]
    told = [re.fullmatch(r"([\w.]+)\((.*)\)", code) for cell in cells for code in _CODE.findall(cell)]
    calls = {match[1].replace("gate.", "Gate."): match[2] for match in told if match}
    assert len(calls) > 10
    for name, words in calls.items():
        given = [word.strip().partition("=")[0] for word in words.split(",")]
        assert [word for word in given if word not in {"", "*"}] == _signatures()[name], name


# Links and code


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them from headings, and those that are set by hand."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(path.read_text("utf-8")):
        if re.match("[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in _anchors(file), link


@pytest.mark.parametrize("text", _blocks("python"))
def test_python_examples_compile(text: str) -> None:
    # Within a function, where `return` and `await` may stand as they do in the middle of a program.
    compile("async def example():\n" + textwrap.indent(text, "    "), "example", "exec")


def test_there_are_examples() -> None:
    assert all(_blocks(language) for language in ("python", "json", "toml"))


def test_the_private_gate_of_the_readme_works(tmp_path: Path) -> None:
    texts = [text for _, text in _BLOCK.findall((ROOT / "README.md").read_text("utf-8")) if "Gate.open(" in text]
    assert len(texts) == 1
    assert "/dev/shm/my-gate" in texts[0]
    example = texts[0].replace("/dev/shm/my-gate", str(tmp_path / "my-gate"))
    names: dict[str, Any] = {}
    exec(compile(ast.parse(example), "README.md", "exec"), names)
    gate, secret = names["gate"], names["secret"]
    assert gate.check(secret, gate.scope("read")).allowed
    assert gate.check(secret, gate.scope("write")).code == "insufficient_scope"
