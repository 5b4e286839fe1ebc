"""`keystile scan --history`: whatever was in a repository once, and which commit brought it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from keystile import mint
from keystile.cli.scan import git
from keystile.cli.scan.pattern import Pattern
from keystile.cli.scan.seeker import places_in

SETTINGS = (
    "user.name=a", "user.email=a@example.com", "init.defaultBranch=main", "commit.gpgSign=false", "gc.auto=0",
    "protocol.file.allow=always",
)  # fmt: skip


class Repository:
    """A repository of a test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        options = [word for setting in SETTINGS for word in ("-c", setting)]
        done = subprocess.run(
            ["git", *options, *words], cwd=self.root, check=True, capture_output=True, env={"PATH": os.environ["PATH"]}
        )
        return done.stdout.decode().strip()

    def commit(self, name: str, content: str | bytes | None, message: str = "m", *more: str) -> str:
        """Write a file, or remove it, and commit: the commit's id."""
        path = self.root / name
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, *more)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, keystile: Any) -> Repository:
    return Repository(tmp_path / "repo")


def scanned(keystile: Any, *more: str) -> dict[str, dict[str, Any]]:
    """The finds by the last four characters of the secret."""
    result = keystile("scan", "--history", "--json", "repo", *more)
    finds = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == (1 if finds else 0), result.stderr
    return {find["last4"]: find for find in finds}


def test_a_secret_that_was_removed_is_found_with_the_commit_that_brought_it(
    keystile: Any, repository: Repository
) -> None:
    secret = mint()
    repository.commit("a.txt", "nothing\n")
    brought = repository.commit("sub/b c.env", f"one\nKEY={secret}\n")
    repository.commit("other", "still there\n")
    repository.commit("sub/b c.env", None)
    assert keystile("scan", "repo").exit_code == 0
    result = keystile("scan", "--history", "repo")
    assert result.stdout == f"{brought[:12]}:sub/b c.env:2:5: {secret[:8]}…{secret[-4:]}\n"
    assert result.exit_code == 1
    find = scanned(keystile)[secret[-4:]]
    assert find["commit"] == brought
    assert repository.git("cat-file", "blob", find["object"]) == f"one\nKEY={secret}"


def test_every_corner_is_looked_into(keystile: Any, repository: Repository) -> None:
    names = ("branch", "merged", "message", "amended", "tag", "binary", "stash", "staged")
    secrets = {name: mint() for name in names}
    commits = {}
    repository.commit("file", "first\n")
    repository.git("switch", "-q", "-c", "side")
    commits["branch"] = repository.commit("b", secrets["branch"])
    repository.git("switch", "-q", "main")
    repository.git("switch", "-q", "-c", "merge")
    commits["merged"] = repository.commit("c", secrets["merged"])
    repository.git("switch", "-q", "main")
    repository.commit("d", "d")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "merge")
    commits["message"] = repository.commit("e", "e", f"about {secrets['message']}")
    commits["amended"] = repository.commit("f", secrets["amended"])
    repository.commit("f", "harmless", "m", "--amend")
    repository.git("tag", "-a", "v1", "-m", f"tag {secrets['tag']}")
    commits["binary"] = repository.commit("g", b"\0\xff" + secrets["binary"].encode() + b"\0")
    (repository.root / "file").write_text(secrets["stash"])
    repository.git("stash", "-q")
    (repository.root / "h").write_text(secrets["staged"])
    repository.git("add", "h")
    found = scanned(keystile)
    assert found.keys() == {secret[-4:] for secret in secrets.values()}
    for name, commit in commits.items():
        assert found[secrets[name][-4:]]["commit"] == commit, name
    assert found[secrets["message"][-4:]]["path"] == "(commit)"
    assert found[secrets["tag"][-4:]]["path"] == "(tag v1)"
    assert found[secrets["staged"][-4:]]["commit"] is None
    assert "\nuncommitted:h:1:1: tos_" in "\n" + keystile("scan", "--history", "repo").stdout


def test_what_only_a_merge_brought_has_that_merge(keystile: Any, repository: Repository) -> None:
    secret = mint()
    repository.commit("a", "a")
    repository.git("switch", "-q", "-c", "side")
    repository.commit("b", "b")
    repository.git("switch", "-q", "main")
    repository.commit("c", "c")
    repository.git("merge", "-q", "--no-ff", "--no-commit", "side")
    merge = repository.commit("b", secret)
    assert scanned(keystile)[secret[-4:]]["commit"] == merge


def test_more_finds_than_are_looked_up_at_once(
    keystile: Any, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keystile.cli.scan.scanner._BATCH", 3)
    brought = {}
    for number in range(8):
        secret = mint()
        brought[secret[-4:]] = repository.commit(f"{number}", f"{secret}\n{secret}\n")
    assert {last4: find["commit"] for last4, find in scanned(keystile).items()} == brought


def test_an_empty_repository_and_none_at_all(keystile: Any, repository: Repository, tmp_path: Path) -> None:
    assert scanned(keystile) == {}
    (tmp_path / "plain").mkdir()
    result = keystile("scan", "--history", "plain")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "git: fatal: not a git repository" in result.stderr


def test_without_git_it_says_so(keystile: Any, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    result = keystile("scan", "--history", "repo")
    assert result.exit_code == 1
    assert "needs the program git" in result.stderr


def test_a_hook_s_environment_does_not_lead_elsewhere(
    keystile: Any, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = mint()
    repository.commit("a", secret)
    other = Repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    assert scanned(keystile).keys() == {secret[-4:]}


def test_a_replacement_hides_nothing(keystile: Any, repository: Repository) -> None:
    secret = mint()
    repository.commit("a", secret)
    leaked = repository.git("rev-parse", "HEAD:a")
    repository.commit("a", "clean")
    repository.git("replace", leaked, repository.git("rev-parse", "HEAD:a"))
    assert scanned(keystile).keys() == {secret[-4:]}


def test_what_the_repository_lacks_is_told_and_is_not_clean(keystile: Any, repository: Repository) -> None:
    repository.commit("a", "content")
    lost = repository.git("rev-parse", "HEAD:a")
    (repository.root / ".git/objects" / lost[:2] / lost[2:]).unlink()
    result = keystile("scan", "--history", "repo")
    assert result.exit_code == 1
    assert f"cannot read object {lost}: it is not here" in result.stderr
    assert "1 could not be read" in result.stderr


def test_a_shallow_clone_is_told(keystile: Any, repository: Repository, tmp_path: Path) -> None:
    for number in range(3):
        repository.commit("a", f"{number}")
    repository.git("clone", "-q", "--depth", "1", repository.root.as_uri(), str(tmp_path / "clone"))
    shutil.rmtree(repository.root)
    result = keystile("scan", "--history", "clone")
    assert result.exit_code == 0
    assert "shallow clone" in result.stderr


def test_a_large_blob_is_never_held(repository: Repository) -> None:
    secret = mint()
    repository.commit("large", b"x" * (64 << 20) + b"\n" + secret.encode())
    tracemalloc.start()
    try:
        patterns = [Pattern("tos_")]
        found = [
            place
            for item in git.objects(str(repository.root))
            if isinstance(item, git.Object)
            for place in places_in(item.pieces, patterns)
        ]
        assert [place.last4 for place in found] == [secret[-4:]]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
