"""`keystile audit`: who did what, and when."""

from __future__ import annotations

import json

import msgspec
import rich_click as click

from keystile.cli.client import PAGE_LIMIT
from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.output import note, print_json, print_table
from keystile.safe_text import safe


@click.command(cls=HubCommand)
@click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
@click.option("--key", metavar="ID", help="Only what this key did.")
@click.option("--target", metavar="ID", help="Only what was done to this.")
@click.option("--action", metavar="ACTION", help="Only this action, as key.create.")
@click.option("--limit", type=click.IntRange(1, PAGE_LIMIT), metavar="N", help="How many at most; else 50.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@pass_context
def audit(context: Context, /, **query: object) -> None:
    """List changes, the latest first."""
    with context.client() as client:
        page = client.page("/v1/audit", query)
    if context.json:
        print_json(msgspec.to_builtins(page))
        return
    print_table(
        ("AT", "ACTOR", "ACTION", "TARGET", "TENANT", "DETAIL"),
        [
            (row["at"], row["actor"], row["action"], row["target"], row["tenant"], json.dumps(row["detail"]))
            for row in page.items
        ],
    )
    if page.next_cursor is not None:
        note(f"\nThere are more: --cursor {safe(page.next_cursor)}")
