"""One find, as it is printed: a line for people, or a JSON document."""

from __future__ import annotations

from typing import NamedTuple

from keystile.cli.output import print_json_line, print_line
from keystile.cli.scan.seeker import Place

_SHORT = 12


class Found(NamedTuple):
    """A place in a file, or in an object of a git history."""

    path: str
    place: Place
    object: str | None = None
    """The git object that holds it."""
    commit: str | None = None
    """The commit that brought it; None outside a history, and for what was never committed."""


def show(found: Found, *, as_json: bool, history: bool) -> None:
    """Print a find on stdout, without the secret's middle."""
    line, column, start, last4 = found.place
    if as_json:
        where = {"path": found.path, "line": line, "column": column}
        of_git = {"commit": found.commit, "object": found.object} if history else {}
        print_json_line({**where, **of_git, "start": start, "last4": last4})
        return
    commit = f"{(found.commit or 'uncommitted')[:_SHORT]}:" if history else ""
    print_line(f"{commit}{found.path}:{line}:{column}: {start}…{last4}")
