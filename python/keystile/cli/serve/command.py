"""The command `keystile serve` and its options."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import rich_click as click

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.cli.serve.welcome import Welcome
from keystile.logs import log_to_stderr


def without_password(text: str) -> str:
    """A database URL as an argument: other users can read arguments, so it may not hold a password."""
    if urlsplit(text).password is not None or "password=" in text.lower():
        raise click.BadParameter(
            "an argument is no place for a password; use KEYSTILE_DATABASE_URL or KEYSTILE_DATABASE_URL_FILE."
        )
    return text


@click.command(cls=LocalCommand)
@click.option("--demo", is_flag=True, default=None, help="Add sample data and mount the sample product APIs.")
@click.option("--host", metavar="HOST", help="The address to listen on; else 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="PORT", help="The port; else 8080, 0: any.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Worker processes; else 1.")
@click.option(
    "--database",
    "database_url",
    type=without_password,
    metavar="URL",
    help="The PostgreSQL to use; else one of its own in the data folder.",
)
@pass_context
def serve(context: Context, /, **flags: object) -> None:
    """Run everything: database, agent and Hub. SIGTERM or Ctrl-C stops it in order, twice stops it fast."""
    # Imported late: the database driver is not needed to complete or explain this command.
    from keystile.cli.serve.supervisor import supervise  # noqa: PLC0415

    settings = context.settings(**flags)
    log_to_stderr(settings.log_level, settings.log_format, "supervisor")
    asyncio.run(supervise(settings, Welcome(as_json=context.json)))
