"""`keystile audit`: who did what, and when."""

from __future__ import annotations

import json

import msgspec
import rich_click as click

from keystile.cli.client import PAGE_LIMIT
from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.durations import past_moment
from keystile.cli.output import note, print_csv, print_json, print_table
from keystile.safe_text import safe


@click.command(cls=HubCommand)
@click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
@click.option("--actor", "--key", "actor", metavar="ID", help="Only what this key or operator did.")
@click.option("--target", metavar="ID", help="Only what was done to this.")
@click.option("--action", metavar="ACTION", help="Only this action, as key.create.")
@click.option("--since", type=past_moment, metavar="WHEN", help="From then on: 7d (ago), 2030-01-31T00:00:00Z.")
@click.option("--until", type=past_moment, metavar="WHEN", help="Before then.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all of it as comma-separated values.")
@click.option("--limit", type=click.IntRange(1, PAGE_LIMIT), metavar="N", help="How many at most; else 50.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@pass_context
def audit(context: Context, /, *, as_csv: bool, **query: object) -> None:
    """List changes, the latest first."""
    if as_csv and (context.json or query["limit"] or query["cursor"]):
        raise click.UsageError("--csv contradicts --json, --limit and --cursor.")
    with context.client() as client:
        if as_csv:
            print_csv(client.pieces("/v1/audit", query, "text/csv"))
            return
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
