"""`keystile keys list`, `show` and `usage`."""

from __future__ import annotations

from typing import Any

import msgspec
import rich_click as click

from keystile.cli.client import PAGE_LIMIT, Page
from keystile.cli.context import Context, pass_context
from keystile.cli.keys.display import percent, show_key, show_keys
from keystile.cli.keys.group import id_argument, keys, path_of, tenant_option
from keystile.cli.output import note, print_json, print_record, print_table
from keystile.safe_text import safe

STATUSES = ("active", "disabled", "expired", "revoked")
SORTS = ("created_at", "name", "last_used_at", "expires_at", "total_requests")


@keys.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only keys of this status.")
@click.option("--scope", metavar="SCOPE", help="Only keys that hold this scope.")
@click.option("--tier", metavar="TIER", help="Only keys of this tier.")
@click.option("--search", "q", metavar="TEXT", help="Only keys whose name or visible ends hold this text.")
@click.option(
    "--sort",
    type=click.Choice([sign + name for name in SORTS for sign in ("", "-")]),
    metavar="FIELD",
    help=f"One of {', '.join(SORTS)}; with a - before it, the largest first.",
)
@click.option("--limit", type=click.IntRange(1, PAGE_LIMIT), metavar="N", help="How many at most; else 50.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@click.option("--all", "everything", is_flag=True, help="All keys, however many.")
@tenant_option
@pass_context
def list_(context: Context, /, everything: bool, **query: object) -> None:
    """List keys with their usage."""
    with context.client() as client:
        if everything:
            query.pop("limit")
            page = Page(list(client.pages("/v1/keys", query)), None)
        else:
            page = client.page("/v1/keys", query)
    if context.json:
        print_json(msgspec.to_builtins(page))
        return
    show_keys(page.items)
    if page.next_cursor is not None:
        note(f"\nThere are more: --cursor {safe(page.next_cursor)}, or --all.")


@keys.command("show")
@id_argument
@pass_context
def show(context: Context, id_: str) -> None:
    """Show one key."""
    with context.client() as client:
        show_key(context, client.get(path_of(id_)))


@keys.command("usage")
@id_argument
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How far back.")
@pass_context
def usage(context: Context, id_: str, days: int) -> None:
    """Show how much one key was used, day by day."""
    with context.client() as client:
        report = client.get(path_of(id_, "usage"), {"days": days})
    if context.json:
        print_json(report)
        return
    _print_report(report)


def _print_report(report: dict[str, Any]) -> None:
    denied = report["denied"]
    print_record(
        [
            ("last used at", report["last_used_at"]),
            ("total requests", report["total_requests"]),
            ("requests 30 days", report["requests_30d"]),
            ("error rate", percent(report["error_rate"])),
            ("denied", [f"{code} {count}" for code, count in denied.items() if count] or "none"),
        ]
    )
    click.echo()
    print_table(
        ("DATE", "REQUESTS", "CLIENT ERRORS", "SERVER ERRORS"),
        [(day["date"], day["requests"], day["client_errors"], day["server_errors"]) for day in report["daily"]],
    )
