"""The program `keystile`: finds a command, runs it, and ends with its exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import rich_click as click

from keystile.cli.context import HubGroup
from keystile.cli.failure import CommandError, Exit
from keystile.cli.output import note
from keystile.errors import KeystileError
from keystile.safe_text import safe, without_secrets

PROGRAM = "keystile"

# A command's module is imported when it is asked for: `keystile keys list` never loads the database driver.
COMMANDS = {
    "serve": "keystile.cli.serve.command",
    "agent": "keystile.cli.agent",
    "keys": "keystile.cli.keys",
    "scopes": "keystile.cli.catalogue",
    "tiers": "keystile.cli.catalogue",
    "tenants": "keystile.cli.tenants",
    "operators": "keystile.cli.operators",
    "webhooks": "keystile.cli.webhooks",
    "usage": "keystile.cli.usage",
    "advice": "keystile.cli.advice",
    "audit": "keystile.cli.audit",
    "check": "keystile.cli.check",
    "scan": "keystile.cli.scan.command",
    "db": "keystile.cli.db",
    "config": "keystile.cli.config",
    "doctor": "keystile.cli.doctor.command",
    "bench": "keystile.cli.bench",
    "completion": "keystile.cli.completion",
    "version": "keystile.cli.version",
}


class Program(HubGroup):
    """The root: it imports commands late and turns our errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table above, which is the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None when there is none."""
        del ctx
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong on purpose ends as one message on stderr."""
        try:
            return super().invoke(ctx)
        except CommandError as failure:
            note(f"error: {failure}")
            ctx.exit(failure.code)
        except KeystileError as error:
            note(f"error: {safe(error)}")
            ctx.exit(Exit.ERROR)
        except click.UsageError as error:
            message = error.format_message()
            if without_secrets(message) == message:
                raise
            # Click repeats what it cannot place, and that may be a secret given where none belongs.
            raise click.UsageError(without_secrets(message), ctx=error.ctx) from None


@click.group(
    PROGRAM,
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """API keys decided in-process: issue, scope, limit, rotate, revoke and count.

    Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 error, 2 usage, 3 not found,
    4 denied, 5 rate limited, 6 unreachable.
    """


def main() -> None:
    """The entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # A name that this terminal's encoding cannot show must not end the command with a traceback.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    cli.main(prog_name=PROGRAM)
