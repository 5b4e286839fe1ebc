"""`keystile usage`: the headline figures of all keys in one call."""

from __future__ import annotations

from typing import Any

import msgspec
import rich_click as click

from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.keys.display import percent
from keystile.cli.output import print_csv, print_json, print_table

PATH = "/v1/usage"
COLUMNS = ("ID", "NAME", "TIER", "STATUS", "LAST USED", "REQUESTS", "REQUESTS 30D", "ERRORS")


@click.command(cls=HubCommand)
@click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@pass_context
def usage(context: Context, tenant: str | None, as_csv: bool) -> None:
    """Show how much every key was used."""
    if as_csv and context.json:
        raise click.UsageError("--csv and --json contradict each other.")
    query = {"tenant": tenant}
    with context.client() as client:
        if as_csv:
            print_csv(client.pieces(PATH, query, "text/csv"))
            return
        report = client.page(PATH, query)
    if context.json:
        print_json(msgspec.to_builtins(report))
    else:
        _print(report.items)


def _print(items: list[dict[str, Any]]) -> None:
    fields = ("key_id", "name", "tier", "status", "last_used_at", "total_requests", "requests_30d")
    print_table(COLUMNS, [[*(item[field] for field in fields), percent(item["error_rate"])] for item in items])
