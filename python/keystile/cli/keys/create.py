"""`keystile keys create`."""

from __future__ import annotations

import rich_click as click

from keystile.cli.context import Context, pass_context
from keystile.cli.durations import NEVER, moment
from keystile.cli.keys.display import show_secret
from keystile.cli.keys.group import keys, tenant_option


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="A scope to grant; may be repeated.")
@click.option("--tier", metavar="TIER", help="The tier; else the first of the catalogue.")
@click.option("--expires", type=moment, metavar="WHEN", help="30d, 12h, 2030-01-31T00:00:00Z or never.")
@click.option("--note", metavar="TEXT", help="A note for people.")
@tenant_option
@click.option("-q", "--quiet", is_flag=True, help="Print the secret alone.")
@pass_context
def create(
    context: Context,
    /,
    *,
    name: str,
    scopes: tuple[str, ...],
    tier: str | None,
    expires: str | None,
    note: str | None,
    tenant: str | None,
    quiet: bool,
) -> None:
    """Create a key called NAME and print its secret, this once only."""
    body: dict[str, object] = {"name": name, "scopes": list(scopes)}
    optional = {
        "tier": tier,
        "expires_at": None if expires == NEVER else expires,
        "note": note,
        "tenant": tenant,
    }
    body |= {field: value for field, value in optional.items() if value is not None}
    with context.client() as client:
        answer = client.send("POST", "/v1/keys", body)
    show_secret(context, answer, quiet=quiet)
