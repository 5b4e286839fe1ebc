"""`keystile tenants`."""

from __future__ import annotations

import rich_click as click

from keystile.cli.context import Context, HubGroup, pass_context
from keystile.cli.output import print_json, print_record, print_table


@click.group(cls=HubGroup)
def tenants() -> None:
    """List and create tenants."""


@tenants.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the tenants that the Hub key may see."""
    with context.client() as client:
        items = list(client.pages("/v1/tenants", {}))
    if context.json:
        print_json({"items": items, "next_cursor": None})
    else:
        columns = ("ID", "NAME", "HOME", "CREATED")
        print_table(columns, [(t["id"], t["name"], t["home"], t["created_at"]) for t in items])


@tenants.command("create")
@click.argument("id_", metavar="ID")
@click.option("--name", metavar="NAME", help="The name for people; else the id.")
@pass_context
def create(context: Context, id_: str, name: str | None) -> None:
    """Create a tenant; ID is small letters, digits and hyphens."""
    with context.client() as client:
        tenant = client.send("POST", "/v1/tenants", {"id": id_, "name": name or id_})
    if context.json:
        print_json(tenant)
    else:
        print_record((field.replace("_", " "), value) for field, value in tenant.items())
