"""Every program of docs/integrations, run as it stands on a gate that it finds by itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from keystile import Gate
from tests.docs.examples import DEPLOY, INTEGRATIONS, PROXIES, deployed, excerpts, programs
from tests.integration.frameworks.calling import Answered, Call, Headers, asgi, bearer, wsgi
from tests.proxies.standing import PROXIES as TESTED
from tests.unit.gates import private_gate, put_key

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The only gate, where applications look for it."""
    made = private_gate(tmp_path)
    monkeypatch.setenv("KEYSTILE_SEGMENT", str(made.path))
    return made


@pytest.fixture
def import_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def served(page: str, number: int, folder: Path) -> Call:
    """What calls the application of one program."""
    name = f"{page.removesuffix('.md')}_example_{number}"
    (folder / f"{name}.py").write_text(programs(page)[number])
    app = import_module(name).app
    return wsgi(app) if page == "flask.md" else asgi(app)


def judge(answers: list[Answered]) -> None:
    """With the right key, with another, with none, and with an unknown one."""
    assert [answer.status for answer in answers] == [200, 403, 401, 401]
    assert [answer.headers["x-ratelimit-limit"] for answer in answers] == ["60"] * 4
    assert "home" in answers[0].body.decode() or answers[0].body == b"tickets"


def requests(gate: Gate) -> list[Headers]:
    """The credentials that `judge` expects."""
    (_, right), (_, other) = put_key(gate), put_key(gate, scopes=["CRM"])
    return [bearer(right), bearer(other), [], bearer("tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph")]


@pytest.mark.parametrize(
    ("page", "number", "path"),
    [
        ("fastapi.md", 0, "/tickets"),
        ("fastapi.md", 1, "/tickets"),
        ("fastapi.md", 2, "/tickets"),
        ("flask.md", 0, "/tickets"),
        ("flask.md", 1, "/psa/tickets"),
        ("litestar.md", 0, "/tickets"),
    ],
)
async def test_a_program_keeps_its_promise(gate: Gate, import_folder: Path, page: str, number: int, path: str) -> None:
    call = served(page, number, import_folder)
    judge([await call(path, headers) for headers in requests(gate)])
    if "/health" in programs(page)[number]:
        assert (await call("/health", [])).status == 200


def test_the_django_project_keeps_its_promise(gate: Gate, tmp_path: Path) -> None:
    for program in programs("django.md"):
        (tmp_path / program.splitlines()[0].removeprefix("# ")).write_text(program)
    with (tmp_path / "settings.py").open("a") as file:
        file.write('SECRET_KEY, ROOT_URLCONF, ALLOWED_HOSTS = "a test", "urls", ["*"]\n')
    asked = [(path, headers) for path in ("/tickets", "/boards") for headers in requests(gate)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.django_example"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [Answered(status, headers, body.encode()) for status, headers, body in json.loads(done.stdout)]
    judge(answers[:4])
    judge(answers[4:])


def test_every_page_is_in_the_table_and_has_a_program() -> None:
    pages = {path.name for path in INTEGRATIONS.glob("*.md")} - {"README.md"}
    table = (INTEGRATIONS / "README.md").read_text("utf-8")
    proxies = {f"{name}.md" for name in PROXIES}
    assert proxies <= {f"{path.name}.md" for path in DEPLOY.iterdir()}
    assert all(f"]({page})" in table and (excerpts(page) if page in proxies else programs(page)) for page in pages)
    assert {"fastapi.md", "flask.md", "django.md", "litestar.md"} | proxies <= pages


@pytest.mark.parametrize("name", PROXIES)
def test_the_configuration_of_a_page_is_what_lies_in_deploy(name: str) -> None:
    files = [path.read_text("utf-8") for path in deployed(name)]
    assert all(any(excerpt in file for file in files) for excerpt in excerpts(f"{name}.md"))
    text = (INTEGRATIONS / f"{name}.md").read_text("utf-8")
    named = set(re.findall(rf"deploy/{name}/[\w./-]*\w", text))
    assert named
    assert all((ROOT / path).exists() for path in named)
    # Each file names the page that explains it, or is part of one that does.
    assert any(f"docs/integrations/{name}.md" in file for file in files)


def test_how_a_proxy_tells_of_outcomes_is_what_lies_in_deploy() -> None:
    text = (ROOT / "docs/outcomes.md").read_text("utf-8")
    shown = re.findall(r"^```nginx\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    file = (DEPLOY / "nginx/outcomes.conf").read_text("utf-8")
    assert shown
    assert all(excerpt in file for excerpt in shown)
    named = re.findall(r"`(deploy/\w+/[\w.]+\w)`", text)
    assert len(named) >= 3
    assert all((ROOT / path).exists() for path in named)


@pytest.mark.parametrize("name", PROXIES)
def test_whether_a_proxy_is_tested_is_told(name: str) -> None:
    told = "**A recipe that no test runs:**" in (INTEGRATIONS / f"{name}.md").read_text("utf-8")
    assert told == (name not in TESTED)


def test_the_recipes_are_well_formed() -> None:
    (traefik,) = (yaml.safe_load(path.read_text("utf-8")) for path in deployed("traefik"))
    http = traefik["http"]
    for router in http["routers"].values():
        assert set(router.get("middlewares", [])) <= set(http["middlewares"])
        assert router["service"] in http["services"] or router["service"] == "noop@internal"
        assert ("keystile-forged" in router.get("middlewares", [])) == (router["service"] == "application")
    assert http["middlewares"]["keystile-psa"]["forwardAuth"]["address"].endswith(":8080/v1/authz?scope=PSA")

    (kubernetes,) = (list(yaml.safe_load_all(path.read_text("utf-8"))) for path in deployed("kubernetes"))
    names = {(one["kind"], one["metadata"]["name"]) for one in kubernetes} | {("Gateway", "gateway")}
    targets = [target for one in kubernetes for target in one["spec"].get("targetRefs", [])]
    assert len(targets) == 2
    assert {(target["kind"], target["name"]) for target in targets} <= names
    (authorization,) = (one["spec"]["extAuth"] for one in kubernetes if one["kind"] == "SecurityPolicy")
    assert authorization["failOpen"] is False
    assert authorization["http"]["path"] == "/v1/authz:PSA"


@pytest.mark.parametrize("name", PROXIES)
def test_every_proxy_passes_on_who_it_is_and_drops_the_key(name: str) -> None:
    text = "\n".join(path.read_text("utf-8") for path in deployed(name)).lower()
    assert all(f"x-keystile-{word}" in text for word in ("key-id", "tenant", "tier", "scopes"))
    assert "authorization" in text
    assert "failure_mode_allow: true" not in text
