"""`keystile scopes` and `keystile tiers`."""

from __future__ import annotations

import msgspec
import rich_click as click

from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.output import print_json, print_table


@click.command(cls=HubCommand)
@pass_context
def scopes(context: Context) -> None:
    """List the scopes that a key can hold."""
    _show(context, "/v1/scopes", {"SCOPE": "name", "GRANTS ACCESS TO": "grants"})


@click.command(cls=HubCommand)
@pass_context
def tiers(context: Context) -> None:
    """List the tiers and their limits."""
    _show(context, "/v1/tiers", {"TIER": "name", "REQUESTS PER MINUTE": "rate", "BURST LIMIT": "burst"})


def _show(context: Context, path: str, columns: dict[str, str]) -> None:
    with context.client() as client:
        answer = client.page(path)
    if context.json:
        print_json(msgspec.to_builtins(answer))
    else:
        print_table(list(columns), [[item[field] for field in columns.values()] for item in answer.items])
