"""`keystile scan` over folders: everything planted is found, nothing else, and whatever lies about is survived."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystile import mint
from tests.unit.cli.scan.noise import plant

FILES = int(os.environ.get("KEYSTILE_TEST_SCAN_FILES", "3000"))


@pytest.fixture(autouse=True)
def _without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    # The program takes no setting that it does not know.
    monkeypatch.delenv("KEYSTILE_TEST_SCAN_FILES", raising=False)


def test_a_hundred_among_thousands(
    keystile: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    planted = plant(tmp_path / "tree", FILES, 100)
    began_s = time.perf_counter()
    result = keystile("scan", "--json", str(tmp_path / "tree"))
    record_property("scan_seconds", f"{time.perf_counter() - began_s:.2f} for {FILES} files")
    assert result.exit_code == 1
    finds = [json.loads(line) for line in result.stdout.splitlines()]
    assert {find["path"]: (find["start"], find["last4"]) for find in finds} == {
        path: (secret[:8], secret[-4:]) for path, secret in planted.items()
    }
    assert len(finds) == 100
    assert result.stderr == f"leaked secrets: 100; files looked at: {FILES:,}\n"
    assert not any(secret in result.output for secret in planted.values())


def test_a_line_says_where(keystile: Any, tmp_path: Path) -> None:
    secret = mint()
    (tmp_path / "a.env").write_text(f"\n\nKEY={secret}\n")
    result = keystile("scan", "a.env")
    assert result.stdout == f"a.env:3:5: {secret[:8]}…{secret[-4:]}\n"
    assert result.exit_code == 1


def test_nothing_found_is_0_and_silent(keystile: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for args in (["empty"], ["empty", "--json"]):
        result = keystile("scan", *args)
        assert (result.exit_code, result.stdout) == (0, "")


def test_links_and_pipes_are_survived_and_not_followed(keystile: Any, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tmp_path / "outside").write_text(mint())
    (tree / "dangling").symlink_to("nowhere")
    (tree / "out").symlink_to(tmp_path / "outside")
    (tree / "sub/loop").symlink_to(tree)
    os.mkfifo(tree / "pipe")
    result = keystile("scan", "tree")
    assert (result.exit_code, result.stdout) == (0, "")
    assert keystile("scan", "tree/out").exit_code == 1  # a link that is named is followed


def test_what_cannot_be_read_is_told_and_is_not_clean(keystile: Any, tmp_path: Path) -> None:
    secret = mint()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "z").write_text(secret)
    # Deeper than any path may be long: not even root can open what lies there by its name.
    here = os.open(tree, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        here, above = os.open("d" * 250, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    result = keystile("scan", "tree")
    assert result.exit_code == 1
    assert result.stdout == f"tree/z:1:1: {secret[:8]}…{secret[-4:]}\n"
    assert "cannot read tree/ddd" in result.stderr
    assert result.stderr.endswith("leaked secrets: 1; files looked at: 1, 1 could not be read\n")
    (tree / "z").unlink()
    assert keystile("scan", "tree").exit_code == 1


def test_a_file_that_fails_while_it_is_read_and_a_pipe_that_is_named(keystile: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = keystile("scan", "/proc/self/mem", "pipe")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot read /proc/self/mem: Input/output error" in result.stderr
    assert "cannot read pipe: not a regular file" in result.stderr


def test_a_file_that_tells_no_size_is_read(keystile: Any) -> None:
    assert "files looked at: 1\n" in keystile("scan", "/proc/self/maps").stderr


def test_archives_are_not_looked_into_and_tar_files_are(keystile: Any, tmp_path: Path) -> None:
    secret = mint().encode()
    tree = tmp_path / "tree"
    tree.mkdir()
    with zipfile.ZipFile(tree / "a.zip", "w") as archive:
        archive.writestr("stored", secret)
    (tree / "a.gz").write_bytes(gzip.compress(secret))
    with tarfile.open(tree / "a.tar", "w") as tar:
        about = tarfile.TarInfo("file")
        about.size = len(secret)
        tar.addfile(about, io.BytesIO(secret))
    result = keystile("scan", "tree")
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["tree/a.tar"]


def test_of_git_only_the_store_is_left_out(keystile: Any, tmp_path: Path) -> None:
    for folder in ("objects", ".git/objects", "bare.git/objects", ".git/modules/x/objects", ".git/logs"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
        (tmp_path / "tree" / folder / "file").write_text(mint())
    (tmp_path / "tree/.git/config").write_text(mint())
    found = {line.partition(":")[0] for line in keystile("scan", "tree").stdout.splitlines()}
    assert found == {"tree/objects/file", "tree/.git/logs/file", "tree/.git/config"}


def test_a_name_is_shown_safely(keystile: Any, tmp_path: Path) -> None:
    secret, named = mint(), mint()
    (tmp_path / "tree").mkdir()
    (tmp_path / f"tree/\x1b[2J\n{named}").write_text(secret)
    for args in ([], ["--json"]):
        result = keystile("scan", "tree", *args)
        assert secret not in result.output
        assert named not in result.output
        assert "\x1b" not in result.output
        assert len(result.stdout.splitlines()) == 1
