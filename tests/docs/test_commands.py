"""Every command of the documentation is run as it stands, or says why not."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keystile.settings import Settings, segment_path
from tests.docs.commands import ROOT, Block, Reader, blocks, pages
from tests.docs.examples import PROXIES
from tests.processes.serving import Serve

STARTS_ITS_OWN = {"docs/quickstart.md"}
"""Pages that begin with nothing: all others find a Hub with sample data running."""

ELSEWHERE = {
    **dict.fromkeys(
        [f"docs/integrations/{proxy}.md" for proxy in PROXIES],
        "they put files into /etc and need a proxy that runs there; tests/proxies runs the same files",
    ),
    "docs/install.md": "it installs into the system and starts containers; tests/package does what can be done without",
    "docs/outcomes.md": "as the pages of the proxies",
    "docs/operating.md": "agents of other machines need files in /etc; tests/processes and tests/faults run them",
}
"""Why a page has blocks that are not run here, marked `elsewhere`."""

BIN = Path(sys.executable).parent


def name_of(page: Path) -> str:
    """A page's name in this test."""
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A running demo."""
    data = tmp_path_factory.mktemp("hub") / "data"
    serve = Serve(data, "--demo").started()
    yield serve
    serve.kill_group()
    _forget_segment(data)


def _forget_segment(data: Path) -> None:
    segment = segment_path(Settings(data=data))
    segment.unlink(missing_ok=True)
    segment.with_name(segment.name + ".lock").unlink(missing_ok=True)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("page", [page for page in pages() if name_of(page) not in STARTS_ITS_OWN], ids=name_of)
def test_the_commands_of_a_page_work(page: Path, hub: Serve, tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / ".demo").symlink_to(hub.data)
    environ = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "KEYSTILE_DATA": str(hub.data)}
    with closing(Reader(tmp_path, environ, {"http://127.0.0.1:8080": hub.url})) as reader:
        reader.follow(page)


@pytest.mark.parametrize("name", sorted(STARTS_ITS_OWN))
def test_a_page_that_starts_with_nothing_works(name: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    hub_port, app_port = str(_free_port()), str(_free_port())
    environ = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "KEYSTILE_PORT": hub_port}
    # Its own gate is not the only one of this machine while other tests run.
    environ["KEYSTILE_SEGMENT"] = str(segment_path(Settings(data=tmp_path / "keystile-data")))
    addresses = {"127.0.0.1:8080": f"127.0.0.1:{hub_port}", "8000": app_port}
    try:
        with closing(Reader(tmp_path, environ, addresses)) as reader:
            reader.follow(ROOT / name)
    finally:
        _forget_segment(tmp_path / "keystile-data")


def prepare(folder: Path) -> None:
    """What the pages take for granted: a working copy with a history, a log, and the environment of `make setup`."""
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(BIN)
    (folder / "service.log").write_text("nothing to see\n")
    git = ["git", "-c", "user.name=reader", "-c", "user.email=reader@example.com"]
    subprocess.run([*git, "init", "-q"], cwd=folder, check=True)
    subprocess.run([*git, "add", "service.log"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "First"], cwd=folder, check=True)


def commands() -> list[tuple[str, Block]]:
    """Every block of commands, with its page's name."""
    return [(name_of(page), block) for page in pages() for block in blocks(page) if block.language == "sh"]


def test_what_is_not_run_says_why() -> None:
    assert {block.word for _, block in commands()} <= {"", "serving", "elsewhere"}
    assert {name for name, block in commands() if block.word == "elsewhere"} == set(ELSEWHERE)


def test_every_make_target_that_is_told_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = {word for _, block in commands() for word in re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE)}
    assert told
    assert told <= targets


def test_a_command_that_fails_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\ntrue\n```\n\n```sh\necho before\nfalse\necho after\n```\n")
    with closing(Reader(tmp_path, {}, {})) as reader, pytest.raises(AssertionError, match="before") as failed:
        reader.follow(page)
    assert "after" not in str(failed.value).split("It said:")[1]
