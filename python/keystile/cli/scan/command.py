"""`keystile scan`: finds leaked secrets in files, in what a pipe brings, and in a git history."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.cli.failure import Exit
from keystile.cli.output import note
from keystile.cli.scan.pattern import Pattern
from keystile.cli.scan.scanner import Scanner
from keystile.errors import SettingsError
from keystile.settings import check_prefix

STDIN = "-"


def _prefix(text: str) -> str:
    try:
        return check_prefix(text)
    except SettingsError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=LocalCommand)
@click.option(
    "--history",
    is_flag=True,
    help="Look into the whole git history of each PATH instead of its files, removed ones included.",
)
@click.option(
    "--prefix",
    "prefixes",
    type=_prefix,
    multiple=True,
    metavar="PREFIX",
    help="What secrets start with, repeatable; else the setting `prefix`.",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@pass_context
def scan(context: Context, *, history: bool, prefixes: tuple[str, ...], paths: tuple[str, ...]) -> None:
    """Find leaked secrets in files, folders, or stdin (`-`), by their pattern and checksum.

    Prints where each one stands, its start and its last four characters. No network, no Hub. Ends with 0
    when everything was read and nothing found, else with 1.
    """
    if history and not all(path != STDIN and Path(path).is_dir() for path in paths):
        raise click.UsageError("--history needs folders of git repositories.")
    patterns = [Pattern(prefix) for prefix in dict.fromkeys(prefixes or (context.settings().prefix,))]
    with Scanner(patterns, as_json=context.json, history=history) as scanner:
        for path in paths:
            if history:
                scanner.scan_history(path)
            elif path == STDIN:
                scanner.scan_stream(sys.stdin.buffer, STDIN)
            else:
                scanner.scan_below(path)
    note(scanner.summary())
    raise SystemExit(Exit.OK if scanner.is_clean else Exit.ERROR)
