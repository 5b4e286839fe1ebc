"""`keystile config show`."""

from __future__ import annotations

import msgspec
import rich_click as click

from keystile.cli.context import Context, HubGroup, pass_context
from keystile.cli.output import print_json, print_table
from keystile.settings import redacted


@click.group(cls=HubGroup)
def config() -> None:
    """Look at the settings."""


@config.command("show")
@pass_context
def show(context: Context) -> None:
    """Print every setting, its value and where it came from; secrets are not shown."""
    loaded = context.load()
    values = msgspec.to_builtins(redacted(loaded.settings), enc_hook=str)
    if context.json:
        print_json({name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()})
        return
    rows = [(name, _words(value), loaded.origins[name]) for name, value in values.items()]
    print_table(("SETTING", "VALUE", "FROM"), rows)


def _words(value: object) -> object:
    """On one line: scopes by name, tiers with rate and burst; `--json` has them in full."""
    if isinstance(value, list | tuple):
        return [_entry(item) if isinstance(item, dict) else item for item in value]
    return value


def _entry(item: dict[str, object]) -> str:
    return f"{item['name']} {item['rate']}/{item['burst']}" if "rate" in item else str(item["name"])
