"""A secret from stdin, from a file, or typed without echo; never from an argument."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import rich_click as click

from keystile.cli.failure import CommandError, Exit

MAX_SECRET_BYTES = 65_536

secret_file_option = click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read the secret from this file; else from stdin.",
)


def read_secret(file: Path | None) -> str:
    """The secret without the newline that ends a line; anything else stays as it is, to be judged."""
    if file is None and sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, err=True))
    with file.open("rb") if file else nullcontext(sys.stdin.buffer) as stream:
        raw = stream.read(MAX_SECRET_BYTES + 1)
    if len(raw) > MAX_SECRET_BYTES:
        raise CommandError(f"this is no secret: it is longer than {MAX_SECRET_BYTES} bytes", Exit.USAGE)
    return raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
