"""Vendored files are the ones that the list beside them names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import keystile.console

STATIC = Path(keystile.console.__file__).with_name("static")
_ROW = re.compile(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)
OURS = {"console.js", "icon.svg", "live.js", "VENDORED.md"}


def test_each_vendored_file_is_unmodified_and_every_other_one_is_ours() -> None:
    listed = dict(_ROW.findall((STATIC / "VENDORED.md").read_text("utf-8")))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in STATIC.iterdir() if path.is_file()}
    assert {name: digest for name, digest in found.items() if name not in OURS} == listed


def test_what_is_vendored_has_its_licence() -> None:
    assert "Permission to use, copy, modify" in (STATIC / "htmx.LICENSE").read_text("utf-8")
