"""Writes docs/reference from the code: `make reference`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tools.reference.commands import commands_page
from tools.reference.http_api import http_page
from tools.reference.python_api import python_page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "python.md": python_page,
    "http.md": http_page,
    "cli.md": commands_page,
}
"""Each page by its name, with what makes it."""
