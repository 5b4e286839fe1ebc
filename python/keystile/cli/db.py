"""`keystile db`: the database itself, without a Hub."""

from __future__ import annotations

import asyncio
from pathlib import Path
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


@db.command("backup")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@pass_context
def backup(context: Context, file: Path | None) -> None:
    """Write the whole database to FILE, which must not be there yet; else to one named after the time."""
    from keystile.cli.backups import write  # noqa: PLC0415 - as above

    settings = context.settings()
    written = asyncio.run(write(settings, file))
    if context.json:
        print_json(msgspec.to_builtins(written))
    else:
        click.echo(written.file)
    note(f"{written.bytes} bytes. The pepper is not in it: keep {settings.data / 'pepper'} too, somewhere else.")


@db.command("restore")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--confirm-loss",
    is_flag=True,
    help="Accept that keys revoked since the backup may live again. Without FILE: end the quarantine of a database that"
    " was restored.",
)
@pass_context
def restore(context: Context, file: Path | None, confirm_loss: bool) -> None:
    """Put a backup in the database's place. Nothing else may be using it; keys revoked since then stay revoked."""
    from keystile.cli.backups import end_quarantine, read  # noqa: PLC0415 - as above

    if file is None:
        if not confirm_loss:
            raise click.UsageError("FILE is missing.")
        lifted = asyncio.run(end_quarantine(context.settings()))
        note("The quarantine has ended; gates decide again." if lifted else "There was no quarantine.")
        return
    restored = asyncio.run(read(context.settings(), file, confirm_loss=confirm_loss))
    if context.json:
        print_json(msgspec.to_builtins(restored))
    note(f"Restored {restored.keys} keys. The database that was there before is kept as {restored.kept_as}.")
    if restored.revoked_again:
        note(f"Revoked again, as they were since the backup: {', '.join(restored.revoked_again)}.")
    if restored.quarantined is not None:
        note(
            f"In quarantine, because {restored.quarantined}: gates refuse until an agent has told it what was revoked"
            " since the backup. `keystile db restore --confirm-loss` ends it where none can."
        )
    if restored.rotated_since:
        note(f"Rotated since the backup, so their former secrets work again: {', '.join(restored.rotated_since)}.")


def _show(context: Context, migrations: list[Migration]) -> None:
    if context.json:
        print_json({"items": msgspec.to_builtins(migrations)})
    elif migrations:
        rows = [(step.number, step.name, step.applied_at or "pending") for step in migrations]
        print_table(("NUMBER", "NAME", "APPLIED"), rows)
