"""`keystile version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

import rich_click as click

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.cli.output import print_json


@click.command(cls=LocalCommand)
@pass_context
def version(context: Context) -> None:
    """Print the version."""
    if context.json:
        print_json({"keystile": installed("keystile"), "python": platform.python_version()})
    else:
        click.echo(f"keystile {installed('keystile')} (Python {platform.python_version()})")
