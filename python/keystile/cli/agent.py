"""`keystile agent`: keeps this machine's gate fresh where the Hub runs elsewhere."""

from __future__ import annotations

import asyncio

import rich_click as click

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.logs import log_to_stderr


@click.command(cls=LocalCommand)
@pass_context
def agent(context: Context) -> None:
    """Follow the database and flush usage until SIGTERM.

    Needs KEYSTILE_DATABASE_URL, or the data folder of a `keystile serve` that runs on this machine.
    """
    # Imported late: the database driver is not needed to complete or explain this command.
    from keystile.cli.serve.lone_agent import run_agent  # noqa: PLC0415

    settings = context.settings()
    log_to_stderr(settings.log_level, settings.log_format, "agent")
    asyncio.run(run_agent(settings))
