"""The program as a whole: exit codes, streams, global options, and what it never repeats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rich_click as click

from keystile.cli.main import COMMANDS, cli

HUB_KEY = "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"
ID = "key_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(401, 4), (403, 4), (404, 3), (409, 1), (422, 1), (429, 5), (500, 1), (503, 6)],
)
def test_each_refusal_has_its_exit_code_and_leaves_stdout_empty(
    keystile: Any, hub: Any, status: int, exit_code: int
) -> None:
    hub.status = status
    hub.body = {"title": "T", "detail": "Plain words.", "code": "c", "status": status}
    result = keystile("--json", "keys", "show", ID)
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert "Plain words." in result.stderr


def test_field_errors_and_the_waiting_time_are_told(keystile: Any, hub: Any) -> None:
    hub.status, hub.headers = 422, {"Retry-After": "7"}
    hub.body = {"title": "T", "errors": [{"field": "name", "message": "too\x1b[2J long"}]}
    result = keystile("keys", "create", "x")
    assert "name: too\\u001b[2J long" in result.stderr
    assert "7 s" in result.stderr


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"x"', b"{}", b"\xff", b""])
def test_an_answer_from_something_else_is_an_error_and_no_traceback(keystile: Any, hub: Any, body: bytes) -> None:
    hub.body = body
    hub.status = 418
    assert keystile("keys", "list").exit_code == 1
    hub.status = 200
    result = keystile("keys", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")


def test_a_redirect_is_not_followed_with_the_key(keystile: Any, hub: Any) -> None:
    hub.status, hub.headers = 302, {"Location": f"{hub.url}/elsewhere"}
    assert keystile("keys", "list").exit_code == 1
    assert len(hub.asked) == 1


def test_nobody_there_is_6(keystile: Any) -> None:
    result = keystile("--url", "http://127.0.0.1:1", "keys", "list")
    assert (result.exit_code, result.stdout) == (6, "")


def test_no_hub_key_is_1_and_says_where_it_was_looked_for(keystile: Any) -> None:
    (keystile.data / "operator.key").unlink()
    result = keystile("keys", "list")
    assert result.exit_code == 1
    assert "operator.key" in result.stderr


def test_the_key_goes_into_the_header_alone(keystile: Any, hub: Any) -> None:
    result = keystile("keys", "list")
    assert hub.authorization == [f"Bearer {HUB_KEY}"]
    assert HUB_KEY not in result.output
    assert HUB_KEY not in hub.asked[0][1]


def test_a_key_that_no_header_can_carry_is_refused_unseen(keystile: Any) -> None:
    (keystile.data / "operator.key").write_text("tos_é\r\nX-Evil: 1")
    result = keystile("keys", "list")
    assert result.exit_code == 1
    assert "Evil" not in result.output


def test_global_options_stand_before_or_after(keystile: Any, hub: Any, tmp_path: Path) -> None:
    hub.body = {"items": [], "next_cursor": None}
    for args in (["--json", "tiers"], ["tiers", "--json"]):
        assert json.loads(keystile(*args).stdout) == hub.body
    other = tmp_path / "other"
    other.mkdir()
    assert keystile("tiers", "--data", str(other)).exit_code == 1


@pytest.mark.parametrize(
    "args",
    [
        ["check", HUB_KEY],
        ["keys", "show", HUB_KEY],
        ["keys", "revoke", HUB_KEY],
        ["keys", "create", "a", HUB_KEY],
        ["keys", "list", HUB_KEY],
        [HUB_KEY],
        ["serve", "--database", f"postgresql://u:{HUB_KEY}@h/d"],
    ],
)
def test_a_secret_given_as_an_argument_is_refused_and_not_repeated(keystile: Any, hub: Any, args: list[str]) -> None:
    result = keystile(*args)
    assert result.exit_code == 2
    assert HUB_KEY not in result.output
    assert hub.asked == []


def test_a_bad_setting_is_1(keystile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_PROT", "1")
    result = keystile("config", "show")
    assert result.exit_code == 1
    assert "KEYSTILE_PORT" in result.stderr


def _leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    names = command.list_commands(context)
    found = [(name, command.get_command(context, name)) for name in names]
    return [leaf for name, child in found if child for leaf in _leaves(child, (*path, name))]


LEAVES = _leaves(cli, ())


def test_every_command_listed_exists() -> None:
    assert {path[0] for path, _ in LEAVES} == set(COMMANDS)


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_knows_json_and_data_explains_itself_and_takes_no_secret(
    path: tuple[str, ...], command: click.Command
) -> None:
    options = {name for param in command.params for name in param.opts}
    assert {"--json", "--data", "--config"} <= options
    assert not options & {"--secret", "--key-secret", "--pepper", "--password", "--token"}
    assert command.help, path


def test_help_is_quick_to_load_and_loads_no_server() -> None:
    code = (
        "import sys; from keystile.cli.main import cli; cli.main(['--help'], standalone_mode=False); "
        "sys.exit(str([m for m in ('litestar', 'asyncpg', 'httpx', 'uvicorn') if m in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == "[]"
