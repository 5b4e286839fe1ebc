"""`keystile webhooks`: where a tenant is told of what becomes of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import rich_click as click

from keystile.cli.client import PAGE_LIMIT, segment
from keystile.cli.context import Context, HubGroup, pass_context
from keystile.cli.durations import span
from keystile.cli.output import note, print_json, print_record, print_table
from keystile.safe_text import safe

PATH = "/v1/webhooks"
EVENTS = ("key.created", "key.rotated", "key.revoked", "key.expiring", "key.limit_reached", "key.unusual")


@click.group(cls=HubGroup)
def webhooks() -> None:
    """Set up, list, change, test and remove webhooks, and see what became of their deliveries."""


def _webhook_id(text: str) -> str:
    """A webhook's id. Anything else is refused unseen and unsent: it might be a secret."""
    if not text.startswith("wh_"):
        raise click.BadParameter("a webhook's id starts with wh_; see `keystile webhooks list`.")
    return text


id_argument = click.argument("id_", metavar="ID", type=_webhook_id)
tenant_option = click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print the signing secret alone.")
event_option = click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    metavar="EVENT",
    help=f"What to be told of, repeatable: {', '.join(EVENTS)}.",
)


@webhooks.command("list")
@tenant_option
@pass_context
def list_(context: Context, tenant: str | None) -> None:
    """List the webhooks of one tenant."""
    with context.client() as client:
        items = list(client.pages(PATH, {"tenant": tenant}))
    if context.json:
        print_json({"items": items, "next_cursor": None})
        return
    fields = ("id", "url", "events", "disabled", "failing_since")
    print_table(
        ("ID", "URL", "EVENTS", "DISABLED", "FAILING SINCE"), [[item[field] for field in fields] for item in items]
    )


@webhooks.command("create")
@click.argument("target", metavar="URL")
@event_option
@click.option("--note", "note_", metavar="TEXT", help="A note for people.")
@tenant_option
@quiet_option
@pass_context
def create(
    context: Context, /, *, target: str, events: tuple[str, ...], note_: str | None, tenant: str | None, quiet: bool
) -> None:
    """Tell URL of what becomes of keys, and print the secret that deliveries are signed with, this once only.

    Without --event it is told of everything.
    """
    body: dict[str, object] = {"url": target, "events": list(events or EVENTS)}
    body |= {name: value for name, value in (("note", note_), ("tenant", tenant)) if value is not None}
    with context.client() as client:
        _show_secret(context, client.send("POST", PATH, body), quiet=quiet)


@webhooks.command("show")
@id_argument
@pass_context
def show(context: Context, id_: str) -> None:
    """Show one webhook."""
    with context.client() as client:
        _show(context, client.get(_path(id_)))


@webhooks.command("update")
@id_argument
@click.option("--to", "target", metavar="URL", help="Another address to send to.")
@event_option
@click.option("--note", "note_", metavar="TEXT", help="A note for people; empty: none.")
@click.option("--disable/--enable", "disabled", default=None, help="Send nothing for a while, or send again.")
@pass_context
def update(
    context: Context,
    /,
    *,
    id_: str,
    target: str | None,
    events: tuple[str, ...],
    note_: str | None,
    disabled: bool | None,
) -> None:
    """Change a webhook; --event replaces all events."""
    given = {"url": target, "events": list(events) or None, "note": note_, "disabled": disabled}
    body: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise click.UsageError("Nothing to change: give at least one option.")
    if note_ == "":
        body["note"] = None
    with context.client() as client:
        _show(context, client.send("PATCH", _path(id_), body))


@webhooks.command("delete")
@id_argument
@pass_context
def delete(context: Context, id_: str) -> None:
    """Remove a webhook, with what it was to be told."""
    with context.client() as client:
        client.delete(_path(id_))
    if context.json:
        print_json({"id": id_, "deleted": True})
    else:
        note("Removed.")


@webhooks.command("rotate")
@id_argument
@click.option("--overlap", type=span, metavar="SPAN", help="How long the old secret signs too; else 1d.")
@quiet_option
@pass_context
def rotate(context: Context, /, *, id_: str, overlap: int | None, quiet: bool) -> None:
    """Give a webhook a new signing secret and print it, this once only."""
    body = {} if overlap is None else {"overlap_seconds": overlap}
    with context.client() as client:
        _show_secret(context, client.send("POST", _path(id_, "rotate"), body), quiet=quiet)


@webhooks.command("test")
@id_argument
@pass_context
def test(context: Context, id_: str) -> None:
    """Send a `webhook.test`; `keystile webhooks deliveries` shows what came of it."""
    with context.client() as client:
        _show(context, client.send("POST", _path(id_, "test"), {}))


@webhooks.command("deliveries")
@id_argument
@click.option("--status", type=click.Choice(("waiting", "delivered", "failed")), help="Only with this status.")
@click.option("--limit", type=click.IntRange(1, PAGE_LIMIT), metavar="N", help="How many at most; else 50.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@click.option("--retry", metavar="DELIVERY", help="Deliver this one again, at once.")
@pass_context
def deliveries(context: Context, /, *, id_: str, retry: str | None, **query: object) -> None:
    """List what a webhook was told or is to be told, the latest first."""
    with context.client() as client:
        if retry is not None:
            _show(context, client.send("POST", f"{_path(id_, 'deliveries')}/{segment(retry)}/retry", {}))
            return
        page = client.page(_path(id_, "deliveries"), query)
    if context.json:
        print_json(msgspec.to_builtins(page))
        return
    fields = ("id", "event", "key_id", "status", "attempts", "last_status", "last_error", "created_at")
    columns = ("ID", "EVENT", "KEY", "STATUS", "ATTEMPTS", "ANSWER", "ERROR", "CREATED")
    print_table(columns, [[item[field] for field in fields] for item in page.items])
    if page.next_cursor is not None:
        note(f"\nThere are more: --cursor {safe(page.next_cursor)}.")


def _path(id_: str, call: str = "") -> str:
    return f"{PATH}/{segment(id_)}" + (f"/{call}" if call else "")


def _show(context: Context, record: Mapping[str, Any]) -> None:
    if context.json:
        print_json(record)
    else:
        print_record((field.replace("_", " "), value) for field, value in record.items())


def _show_secret(context: Context, answer: Mapping[str, Any], *, quiet: bool) -> None:
    """With `quiet` the secret alone, so that a script can read it."""
    if context.json:
        print_json(answer)
        return
    click.echo(answer["secret"])
    if not quiet:
        click.echo()
        _show(context, answer["webhook"])
        note("\nThe first line is the signing secret. It is shown this once only: give it to the receiver now.")
