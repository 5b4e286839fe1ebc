"""How keys, and the one-time secret, are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import rich_click as click

from keystile.cli.context import Context
from keystile.cli.output import note, print_json, print_record, print_table
from keystile.safe_text import safe

LIST_COLUMNS = (
    "ID", "NAME", "KEY", "SCOPES", "TIER", "STATUS", "EXPIRES", "LAST USED", "REQUESTS 30D", "ERRORS",
)  # fmt: skip


def show_key(context: Context, key: Mapping[str, Any]) -> None:
    """One key, every field."""
    if context.json:
        print_json(key)
    else:
        print_record((name.replace("_", " "), value) for name, value in key.items())


def show_change(context: Context, answer: Mapping[str, Any], *, waited: bool) -> None:
    """A key after a change, and whether every gate has it if that was waited for."""
    if context.json:
        print_json(answer)
    else:
        show_key(context, {name: value for name, value in answer.items() if name != "confirmation"})
    note_confirmation(answer, waited=waited)


def note_confirmation(answer: Mapping[str, Any], *, waited: bool) -> None:
    """Say on stderr which gates have the change, where that was waited for."""
    confirmation = answer.get("confirmation")
    if confirmation is None:
        if waited:
            note("\nNot confirmed: the change is made, but the Hub does not say which gates have it.")
        return
    if confirmation["confirmed"]:
        note(f"\nConfirmed at revision {confirmation['revision']}: no gate decides without this any more.")
    else:
        note(
            f"\nNot confirmed: the change is made, but not every gate has said that it has revision"
            f" {confirmation['revision']}."
        )
    for what, reason in (
        ("waited_out", "did not answer; its lease is over, so it refuses"),
        ("unconfirmed", "did not answer, and may go on without the change (stale_policy allow)"),
    ):
        for gate in confirmation[what]:
            note(f"  {safe(gate['machine'] or 'a gate')} ({safe(gate['gate'])}) {reason}.")


def show_keys(keys: Iterable[Mapping[str, Any]]) -> None:
    """A table of keys with their headline figures."""
    print_table(LIST_COLUMNS, [_row(key) for key in keys])


def show_secret(context: Context, answer: Mapping[str, Any], *, quiet: bool) -> None:
    """The answer to create and rotate: with `quiet` the secret alone, so that a script can read it."""
    if context.json:
        print_json(answer)
    elif quiet:
        click.echo(answer["secret"])
    else:
        click.echo(answer["secret"])
        click.echo()
        show_key(context, answer["key"])
        note("\nThe first line is the secret. It is shown this once only: store it now.")


def percent(rate: float | None) -> str | None:
    """An error rate as people read it; None with no requests."""
    return None if rate is None else f"{rate:g} %"


def _row(key: Mapping[str, Any]) -> tuple[object, ...]:
    usage = key["usage"]
    return (
        key["id"],
        key["name"],
        f"{key['start']}…{key['last4']}",
        key["scopes"],
        key["tier"],
        key["status"],
        key["expires_at"],
        usage["last_used_at"],
        usage["requests_30d"],
        percent(usage["error_rate"]),
    )
