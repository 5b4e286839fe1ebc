"""`keystile advice`: what is to be looked at in keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import rich_click as click

from keystile.cli.client import PAGE_LIMIT, Page
from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.keys.display import percent
from keystile.cli.output import note, print_json, print_table
from keystile.safe_text import safe

PATH = "/v1/advice"
KINDS = ("old_secret", "no_expiry", "unused", "unused_scopes", "sudden_change")
COLUMNS = ("ID", "NAME", "ADVICE", "SINCE", "DETAIL", "REMEDY")


@click.command(cls=HubCommand)
@click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help=f"Only this: {', '.join(KINDS)}.")
@click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
@click.option("--limit", type=click.IntRange(1, PAGE_LIMIT), metavar="N", help="How many at most; else 50.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@click.option("--all", "everything", is_flag=True, help="All of it, however much.")
@pass_context
def advice(context: Context, /, everything: bool, **query: object) -> None:
    """List what is to be looked at in keys, and what remedies it."""
    with context.client() as client:
        if everything:
            query.pop("limit")
            page = Page(list(client.pages(PATH, query)), None)
        else:
            page = client.page(PATH, query)
    if context.json:
        print_json(msgspec.to_builtins(page))
        return
    fields = ("key_id", "name", "kind", "since")
    print_table(COLUMNS, [[*(item[field] for field in fields), _detail(item), item["remedy"]] for item in page.items])
    if page.next_cursor is not None:
        note(f"\nThere are more: --cursor {safe(page.next_cursor)}, or --all.")


def _detail(item: Mapping[str, Any]) -> object:
    change = item["change"]
    if change is None:
        return item["scopes"]
    parts = {
        "requests": f"{change['requests']} requests in 24 hours, {change['requests_before']:g} a day before",
        "error_rate": f"{_rate(change['error_rate'])} errors, {_rate(change['error_rate_before'])} before",
    }
    return "; ".join(parts[what] for what in change["what"] if what in parts)


def _rate(rate: float | None) -> str:
    return percent(rate) or "none"
