"""`keystile keys update`, `rotate` and `revoke`."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from keystile.cli.context import Context, pass_context
from keystile.cli.durations import NEVER, moment, span
from keystile.cli.keys.display import note_confirmation, show_change, show_secret
from keystile.cli.keys.group import id_argument, keys, optional_id_argument, path_of, wait_option
from keystile.cli.secret_input import read_secret, secret_file_option


@keys.command("update")
@id_argument
@click.option("--name", metavar="NAME", help="A new name.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="Replaces all scopes; may be repeated.")
@click.option("--no-scopes", is_flag=True, help="Take all scopes away.")
@click.option("--tier", metavar="TIER", help="Another tier; the bucket keeps its level.")
@click.option("--expires", type=moment, metavar="WHEN", help="30d, 12h, 2030-01-31T00:00:00Z or never.")
@click.option("--disable/--enable", "disabled", default=None, help="Stop the key for a while, or let it work.")
@click.option("--note", metavar="TEXT", help="A note for people; empty: none.")
@wait_option
@pass_context
def update(
    context: Context,
    /,
    *,
    id_: str,
    name: str | None,
    scopes: tuple[str, ...],
    no_scopes: bool,
    tier: str | None,
    expires: str | None,
    disabled: bool | None,
    note: str | None,
    wait: bool,
) -> None:
    """Change a key."""
    if scopes and no_scopes:
        raise click.UsageError("--scope and --no-scopes contradict each other.")
    given = {
        "name": name,
        "scopes": list(scopes) if scopes or no_scopes else None,
        "tier": tier,
        "expires_at": expires,
        "disabled": disabled,
        "note": note,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    if not changes:
        raise click.UsageError("Nothing to change: give at least one option.")
    # What takes a value away is null on the wire, and a word or an empty text on the command line.
    cleared = {"expires_at": NEVER, "note": ""}
    body = {field: None if cleared.get(field) == value else value for field, value in changes.items()}
    with context.client() as client:
        show_change(context, client.send("PATCH", path_of(id_), body, wait=wait), waited=wait)


@keys.command("rotate")
@id_argument
@click.option("--overlap", type=span, metavar="SPAN", help="How long the old secret still works; else 1d.")
@click.option("-q", "--quiet", is_flag=True, help="Print the secret alone.")
@wait_option
@pass_context
def rotate(context: Context, /, *, id_: str, overlap: int | None, quiet: bool, wait: bool) -> None:
    """Give a key a new secret and print it, this once only."""
    body = {} if overlap is None else {"overlap_seconds": overlap}
    with context.client() as client:
        answer = client.send("POST", path_of(id_, "rotate"), body, wait=wait)
    show_secret(context, answer, quiet=quiet)
    note_confirmation(answer, waited=wait)


@keys.command("revoke")
@optional_id_argument
@click.option("--self", "own", is_flag=True, help="The key whose secret is given; no Hub key is needed.")
@secret_file_option
@click.option("--reason", metavar="TEXT", help="Why; kept with the key.")
@wait_option
@pass_context
def revoke(
    context: Context, /, *, id_: str | None, own: bool, secret_file: Path | None, reason: str | None, wait: bool
) -> None:
    """Revoke a key, which is final."""
    if own == (id_ is not None) or (secret_file is not None and not own):
        raise click.UsageError("Give either a key's ID, or --self with its secret on stdin or in --secret-file.")
    body = {} if reason is None else {"reason": reason}
    if id_ is None:
        with context.client(key=read_secret(secret_file)) as client:
            show_change(context, client.send("POST", path_of("self", "revoke"), body, wait=wait), waited=wait)
        return
    with context.client() as client:
        show_change(context, client.send("POST", path_of(id_, "revoke"), body, wait=wait), waited=wait)
