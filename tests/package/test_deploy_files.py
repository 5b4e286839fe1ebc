"""The files in deploy/ name what there is: settings, commands, options, files, and each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rich_click as click
import yaml

from keystile.cli.main import cli
from keystile.settings import Settings
from tests.package.building import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
CONTAINERFILE = re.sub(r"\\\n", "", (DEPLOY / "container/Containerfile").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DROP_INS = sorted((DEPLOY / "systemd").glob("*.conf"))
PROGRAM = "/opt/keystile/bin/keystile"

VARIABLES = {f"KEYSTILE_{name.upper()}{end}" for name in Settings.__struct_fields__ for end in ("", "_FILE")}


def steps(word: str) -> list[str]:
    """What follows an instruction of the Containerfile, each time."""
    return re.findall(rf"^{word} +(.*)$", CONTAINERFILE, re.MULTILINE)


def lines_of(unit: Path) -> dict[str, list[str]]:
    """The settings of a unit's [Service]; each may stand there more than once."""
    found: dict[str, list[str]] = {}
    section = unit.read_text().partition("[Service]")[2].partition("[Install]")[0]
    for name, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def accepted(words: list[str]) -> bool:
    """Whether `keystile WORDS` is understood."""
    try:
        context = cli.make_context("keystile", list(words), resilient_parsing=False)
        name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context)
    except click.UsageError:
        return False
    return True


@pytest.mark.parametrize("path", sorted(p for p in DEPLOY.rglob("*") if p.is_file()), ids=lambda p: p.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    assert set(re.findall(r"\bKEYSTILE_[A-Z_]+", path.read_text())) <= VARIABLES


def test_a_wrong_command_would_be_noticed() -> None:
    assert accepted(["serve", "--workers", "2"])
    assert not accepted(["serve", "--wrokers", "2"])
    assert not accepted(["sevre"])


# The container


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    let_through = {
        line.removeprefix("!")
        for line in (DEPLOY / "container/Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [source for step in steps("COPY") if "--from" not in step for source in step.split()[:-1]]
    assert len(copied) > 8
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_through, source


def test_nothing_comes_into_it_without_a_pin() -> None:
    assert all(re.fullmatch(r"[a-z]+:[\w.-]*\d[\w.-]*( AS \w+)?", image) for image in steps("FROM"))
    installs = [part for step in steps("RUN") for part in step.split("&&") if "pip install" in part]
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-deps /tmp/dist/" in one for one in installs)
    assert "--locked" in CONTAINERFILE


def test_it_runs_as_nobody_in_particular() -> None:
    assert steps("USER")[-1] == "10001:10001"
    assert CONTAINERFILE.index("USER 10001") < CONTAINERFILE.index("ENTRYPOINT")
    assert steps("ENTRYPOINT") == ['["keystile"]']
    assert steps("CMD") == ['["serve"]']


# Compose


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_uses_what_is_declared(name: str) -> None:
    service = COMPOSE["services"][name]
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    mounts = [volume.split(":")[0] for volume in service.get("volumes", ())]
    assert {one for one in mounts if not one.startswith(".")} <= COMPOSE["volumes"].keys()
    assert all((DEPLOY / "compose" / one).exists() for one in mounts if one.startswith("."))
    assert set(service.get("depends_on", ())) <= COMPOSE["services"].keys()
    given = {value.removeprefix("/run/secrets/") for value in service["environment"].values() if "/secrets/" in value}
    assert given == set(service.get("secrets", ()))
    if "entrypoint" not in service and service["image"] == "keystile":
        assert accepted(service["command"])


def test_the_folder_in_memory_belongs_to_the_user_of_the_image() -> None:
    options = COMPOSE["volumes"]["gate"]["driver_opts"]
    assert options["type"] == "tmpfs"
    assert {"mode=0700", "uid=10001", "gid=10001"} <= set(options["o"].split(","))


def test_its_secrets_are_made_once(tmp_path: Path) -> None:
    script = shutil.copy(DEPLOY / "compose/secrets.sh", tmp_path)
    folder = tmp_path / "secrets"
    made = []
    for _ in range(2):
        subprocess.run(["sh", script], check=True)
        made.append({path.name: path.read_text() for path in folder.iterdir()})
    assert made[0] == made[1]
    assert {f"./secrets/{name}" for name in made[0]} == {one["file"] for one in COMPOSE["secrets"].values()}
    assert folder.stat().st_mode & 0o777 == 0o700
    settings = Settings(data=tmp_path, pepper=made[0]["pepper"], database_url=made[0]["database_url"])
    assert made[0]["database_password"] in str(settings.database_url)


# systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_as_the_user_of_the_gate(unit: Path) -> None:
    lines = lines_of(unit)
    (command,) = lines["ExecStart"]
    program, *words = command.split()
    assert program == PROGRAM
    assert accepted(words)
    assert lines["User"] == ["keystile"]
    assert "u keystile " in (DEPLOY / "systemd/keystile.sysusers").read_text()
    assert lines["Type"] == ["notify"]


def test_units_are_hardened_alike() -> None:
    hub, agent = (lines_of(DEPLOY / "systemd" / name) for name in ("keystile.service", "keystile-agent.service"))
    own = {"ExecStart", "Environment", "LoadCredential", "Restart", "TimeoutStartSec"}
    assert {name for name in hub.keys() | agent.keys() if hub.get(name) != agent.get(name)} <= own
    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces", "MemoryDenyWriteExecute"):
        assert hub[name] == ["yes"]
    assert hub["LimitCORE"] == ["0"]
    assert hub["CapabilityBoundingSet"] == [""]


def test_every_line_of_a_unit_is_explained() -> None:
    told = set(re.findall(r"`(\w+)=?", (ROOT / "docs/install.md").read_text()))
    written = {name for unit in [*UNITS, *DROP_INS] for name in lines_of(unit)}
    assert not written - told


def test_a_credential_that_is_read_is_loaded() -> None:
    for path in [*UNITS, DEPLOY / "systemd/external-database.conf"]:
        lines = lines_of(path)
        loaded = {value.split(":")[0] for value in lines.get("LoadCredential", ())}
        assert {value.partition("=%d/")[2] for value in lines["Environment"] if "=%d/" in value} == loaded


if shutil.which("systemd-analyze"):  # where there is no systemd there is nobody to ask

    @pytest.mark.parametrize("broken", [False, True], ids=["as it is", "with a typing error"])
    @pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
    def test_systemd_understands_a_unit(unit: Path, broken: bool, tmp_path: Path) -> None:
        copy = tmp_path / unit.name
        dropped = tmp_path / "keystile.service.d/external-database.conf"
        dropped.parent.mkdir()
        shutil.copy(DEPLOY / "systemd/external-database.conf", dropped)
        text = unit.read_text().replace(PROGRAM, "/bin/true")
        copy.write_text(text.replace("ProtectSystem=", "ProtectSystme=") if broken else text)
        told = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
        assert ("ProtectSystme" in told.stderr) == broken
        assert broken or (told.returncode, told.stderr) == (0, "")
