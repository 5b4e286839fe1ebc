"""What deploy/ says, done with the installed programs: what a service manager is told, and what compose.yaml starts."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from typing import Any

import httpx
import yaml

from keystile.cli.database import running_url
from keystile.settings import Settings
from tests.package.building import ROOT
from tests.package.programs import Program, running
from tests.processes.serving import parents

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())["services"]
CONTAINERFILE = (ROOT / "deploy/container/Containerfile").read_text()


def test_it_serves(served: Program, data: Path) -> None:
    key = (data / "operator.key").read_text().strip()
    url = served.says(r"Hub +(http://\S+)")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/keys").json()["items"]
        assert client.get("/api/tickets").status_code == 200
        assert "htmx" in client.get("/console/sign-in").text


def test_children_report_to_no_service_manager(served: Program) -> None:
    """PostgreSQL knows the protocol too, and would be ready long before the gate is."""
    tree = parents()
    children = [pid for pid, parent in tree.items() if parent == served.process.pid]
    assert len(children) >= 3
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in children]
    assert not [one for one in environments if b"NOTIFY_SOCKET" in one]
    assert b"NOTIFY_SOCKET" in Path(f"/proc/{served.process.pid}/environ").read_bytes()


def test_agent_and_application_of_compose_share_a_gate(served: Program, data: Path, installed: Path) -> None:
    """As compose.yaml starts them, but for the places: secrets, the folder in memory, and ports."""
    secrets, memory = data.parent / "secrets", data.parent / "memory"
    secrets.mkdir()
    memory.mkdir(mode=0o700)
    url = running_url(Settings(data=data))
    assert url is not None
    (secrets / "database_url").write_text(url)
    (secrets / "pepper").write_text((data / "pepper").read_text())

    def here(text: str) -> str:
        places = {"/run/secrets": secrets, "/run/keystile": memory, "/application": ROOT / "deploy/compose"}
        for there, place in places.items():
            text = text.replace(there, str(place), 1) if text.startswith(there) else text
        return text.replace("0.0.0.0", "127.0.0.1").replace("9000", "0")

    def started(name: str, *program: str | Path, **more: str) -> Any:
        service = COMPOSE[name]
        words = [here(word) for word in [*service.get("entrypoint", [])[len(program) :], *service["command"]]]
        environment = {name: here(value) for name, value in service["environment"].items()}
        return running([*program, *words], data.parent, **environment, **more)

    own = str(data.parent / "agent")
    with started("agent", installed / "bin/keystile", KEYSTILE_DATA=own) as agent:
        assert agent.told() == "READY=1"
        with started("application", installed / "bin/python") as application:
            address = application.says(r"running on (http://\S+)")
            key = (data / "operator.key").read_text().strip()
            allowed = httpx.get(address, headers={"Authorization": f"Bearer {key}"})
            assert (allowed.status_code, allowed.text) == (200, "tickets of home\n")
            assert httpx.get(address).status_code == 401
        assert agent.stop() == 0
        assert agent.told() == "STOPPING=1"


def test_the_health_check_tells_life_from_death(served: Program, installed: Path) -> None:
    line = CONTAINERFILE.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0]
    _, *words = ast.literal_eval(line)
    port = served.says(r"Hub +http://\S+:(\d+)")
    asked = [installed / "bin/python", *(word.replace("8080", port) for word in words)]
    assert subprocess.run(asked, check=False).returncode == 0
    dead = [installed / "bin/python", *(word.replace("8080", "1") for word in words)]
    assert subprocess.run(dead, check=False, capture_output=True).returncode != 0
