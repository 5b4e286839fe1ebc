"""`keystile db`: the database itself, without a Hub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from keystile.cli.context import Context, LocalGroup, pass_context
from keystile.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from keystile.store.records import Migration


@click.group(cls=LocalGroup)
def db() -> None:
    """Look after the database. One of our own that does not run is started for the time of the command."""


@db.command("migrate")
@pass_context
def migrate(context: Context) -> None:
    """Bring the schema up to date."""
    # Imported late, as in all commands that need the database driver.
    from keystile.cli.migrations import apply_pending  # noqa: PLC0415

    applied = asyncio.run(apply_pending(context.settings()))
    _show(context, applied)
    if not applied:
        note("The schema is up to date; nothing was done.")


@db.command("status")
@pass_context
def status(context: Context) -> None:
    """List the migrations and when they were applied."""
    from keystile.cli.migrations import list_all  # noqa: PLC0415 - as above

    _show(context, asyncio.run(list_all(context.settings())))


def _show(context: Context, migrations: list[Migration]) -> None:
    if context.json:
        print_json({"items": msgspec.to_builtins(migrations)})
    elif migrations:
        rows = [(step.number, step.name, step.applied_at or "pending") for step in migrations]
        print_table(("NUMBER", "NAME", "APPLIED"), rows)
