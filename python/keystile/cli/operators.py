"""`keystile operators`: the people who sign in to the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rich_click as click

from keystile.cli.client import Client, segment
from keystile.cli.context import Context, HubGroup, pass_context
from keystile.cli.failure import CommandError, Exit
from keystile.cli.output import note, print_json, print_record, print_table

PATH = "/v1/operators"
ROLES = click.Choice(["owner", "admin", "viewer"])


@click.group(cls=HubGroup)
def operators() -> None:
    """List, add and change the people who sign in to the console."""


def _who(text: str) -> str:
    """An operator's id or address. Anything else is refused unseen and unsent: it might be a secret."""
    if not (text.startswith("op_") or "@" in text):
        raise click.BadParameter("give an operator's id (op_…) or address; see `keystile operators list`.")
    return text


who_argument = click.argument("who", metavar="OPERATOR", type=_who)
tenant_option = click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print the link alone.")


@operators.command("list")
@tenant_option
@pass_context
def list_(context: Context, tenant: str | None) -> None:
    """List the operators of one tenant."""
    with context.client() as client:
        items = list(client.pages(PATH, {"tenant": tenant}))
    if context.json:
        print_json({"items": items, "next_cursor": None})
    else:
        fields = ("id", "email", "role", "disabled", "has_password", "last_signed_in_at")
        columns = ("ID", "EMAIL", "ROLE", "DISABLED", "HAS PASSWORD", "LAST SIGNED IN")
        print_table(columns, [[item[field] for field in fields] for item in items])


@operators.command("add")
@click.argument("email")
@click.option("--role", type=ROLES, required=True, help="What they may do: everything, all but this, or look.")
@tenant_option
@quiet_option
@pass_context
def add(context: Context, /, *, email: str, role: str, tenant: str | None, quiet: bool) -> None:
    """Add an operator and print the link by which they choose a password."""
    body = {"email": email, "role": role} | ({} if tenant is None else {"tenant": tenant})
    with context.client() as client:
        _show_link(context, client, client.send("POST", PATH, body), quiet=quiet)


@operators.command("link")
@who_argument
@tenant_option
@quiet_option
@pass_context
def link(context: Context, /, *, who: str, tenant: str | None, quiet: bool) -> None:
    """Make a new link by which OPERATOR chooses a password."""
    with context.client() as client:
        answer = client.send("POST", f"{_path(client, who, tenant)}/link", {})
        _show_link(context, client, answer, quiet=quiet)


@operators.command("disable")
@who_argument
@tenant_option
@pass_context
def disable(context: Context, who: str, tenant: str | None) -> None:
    """Disable OPERATOR, who is signed out at once, everywhere."""
    _change(context, who, tenant, {"disabled": True})


@operators.command("enable")
@who_argument
@tenant_option
@pass_context
def enable(context: Context, who: str, tenant: str | None) -> None:
    """Let OPERATOR sign in again."""
    _change(context, who, tenant, {"disabled": False})


@operators.command("role")
@who_argument
@click.argument("role", type=ROLES)
@tenant_option
@pass_context
def role_(context: Context, who: str, role: str, tenant: str | None) -> None:
    """Give OPERATOR another role."""
    _change(context, who, tenant, {"role": role})


def _path(client: Client, who: str, tenant: str | None) -> str:
    """The address of an operator, who is looked for by address if need be."""
    if "@" in who:
        found = [row["id"] for row in client.pages(PATH, {"tenant": tenant}) if row["email"] == who.strip().lower()]
        if not found:
            raise CommandError("No operator of this tenant signs in with that address.", Exit.NOT_FOUND)
        who = found[0]
    return f"{PATH}/{segment(who)}"


def _change(context: Context, who: str, tenant: str | None, body: Mapping[str, object]) -> None:
    with context.client() as client:
        _show(context, client.send("PATCH", _path(client, who, tenant), body))


def _show(context: Context, operator: Mapping[str, Any]) -> None:
    if context.json:
        print_json(operator)
    else:
        print_record((field.replace("_", " "), value) for field, value in operator.items())


def _show_link(context: Context, client: Client, answer: Mapping[str, Any], *, quiet: bool) -> None:
    """With `quiet` the link alone, so that a script can hand it on."""
    url = client.url + answer["path"]
    if context.json:
        print_json({**answer, "url": url})
        return
    click.echo(url)
    if not quiet:
        click.echo()
        _show(context, answer["operator"])
        note("\nThe first line is the link. It is good once, for 15 minutes: hand it over yourself.")
