"""`keystile completion`: the script that makes a shell complete our commands."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import get_completion_class

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.cli.failure import CommandError
from keystile.cli.output import print_json

PROGRAM = "keystile"
VARIABLE = "_KEYSTILE_COMPLETE"


@click.command(cls=LocalCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_context
def completion(context: Context, click_context: click.Context, shell: str) -> None:
    """Print a completion script for SHELL.

    For bash: `keystile completion bash > ~/.local/share/bash-completion/completions/keystile`.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise CommandError(f"no completion for {shell}")
    root = click_context.find_root().command
    script = kind(root, {}, PROGRAM, VARIABLE).source()
    if context.json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
