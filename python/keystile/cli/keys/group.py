"""The group `keystile keys`, and the argument that its commands share."""

from __future__ import annotations

import rich_click as click

from keystile.cli.client import segment
from keystile.cli.context import HubGroup

_ID_PREFIX = "key_"


@click.group(cls=HubGroup)
def keys() -> None:
    """Create, list, change, rotate and revoke keys."""


def key_id(text: str) -> str:
    """A key's id. Anything else is refused unseen and unsent: it might be a secret pasted by mistake."""
    if not text.startswith(_ID_PREFIX):
        raise click.BadParameter(
            f"a key's id starts with {_ID_PREFIX}; see `keystile keys list`. Secrets are never given as arguments."
        )
    return text


id_argument = click.argument("id_", metavar="ID", type=key_id)
optional_id_argument = click.argument("id_", metavar="[ID]", required=False, type=key_id)
tenant_option = click.option("--tenant", metavar="TENANT", help="The tenant; else that of the Hub key.")

wait_option = click.option("--wait", is_flag=True, help="Come back when no gate decides without this any more.")


def path_of(id_: str, call: str = "") -> str:
    """The address of a key, or of a call on it."""
    return f"/v1/keys/{segment(id_)}" + (f"/{call}" if call else "")
