"""What the pages about one key share: the key that a path names, and whether a form was made from it as it is now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from keystile.console import advice_words
from keystile.console.pages import Page, path_of, redirect, shell
from keystile.console.request import ConsoleRequest
from keystile.console.shell import Message, Shell
from keystile.hub.context import Call, Hub
from keystile.hub.errors import Conflict, NotFound
from keystile.hub.keys import service
from keystile.hub.rights import check_change
from keystile.store.records import KeyRow

PATH = path_of("{tenant:str}", "keys", "{key_id:str}")
EDITABLE = ("name", "scopes", "tier", "expires_at", "note")
SECRET = ("start", "last4", "rotated_at")

Done = Annotated[str, QueryParameter(description="What has just been done.")]

DONE: Mapping[str, Message] = {
    **advice_words.DONE,
    "saved": Message("The changes are saved."),
    "same": Message("Nothing was changed.", tone="info"),
    "disabled": Message("The API key is disabled: requests with it are refused."),
    "enabled": Message("The API key is enabled: requests with it pass again."),
    "ended": Message("The old secret has ended. Only the new one works."),
    "rotated": Message(
        "This form was sent before, and the API key was rotated then. Its new secret was shown once and is kept"
        " nowhere; if nobody stored it, rotate again.",
        tone="warning",
    ),
}
"""The sentences that `?done=` can show."""


def key_path(row: KeyRow, *rest: str) -> str:
    """The path of a page about a key."""
    return path_of(row.tenant, "keys", row.id, *rest)


async def found(call: Call, tenant: str, key_id: str) -> KeyRow:
    """The key, if it is the tenant's. NotFound otherwise, as for a tenant that is foreign or absent."""
    return _of(tenant, await service.show(call.connection, call.caller, key_id))


async def held(call: Call, tenant: str, key_id: str) -> KeyRow:
    """The same, and it stays as it is until the transaction ends."""
    return _of(tenant, await service.hold(call.connection, call.caller, key_id))


async def to_change(call: Call, tenant: str, key_id: str) -> KeyRow:
    """The key for a form that changes it. NotFound, RoleRefused, or Conflict for a key that is revoked."""
    row = await found(call, tenant, key_id)
    check_change(call.caller)
    if row.status == "revoked":
        raise Conflict("key_revoked")
    return row


def state(row: KeyRow, fields: Sequence[str]) -> str:
    """Some of a key's fields as one word, for a form to carry: another word means that they have changed."""
    return ".".join(hashlib.sha256(msgspec.json.encode(getattr(row, field))).hexdigest()[:16] for field in fields)


def changed(before: str, row: KeyRow, fields: Sequence[str]) -> list[str]:
    """Which of the fields are not as they were when `state` gave `before`; all of them, for another word."""
    then, now = before.split("."), state(row, fields).split(".")
    return [field for index, field in enumerate(fields) if then[index : index + 1] != now[index : index + 1]]


def done(row: KeyRow, word: str) -> Page:
    """On to the key's page, which says what was done."""
    return redirect(f"{key_path(row)}?done={word}")


def message(word: str) -> list[Message]:
    """The sentence for a word of `DONE`; none for any other."""
    return [DONE[word]] if word in DONE else []


async def frame(request: ConsoleRequest, hub: Hub, tenant: str, *, messages: Sequence[Message] = ()) -> Shell:
    """The frame by a connection of its own, for a form that was refused."""
    async with hub.reading(request) as call:
        return await shell(request, call, tenant, "keys", messages=messages)


def _of(tenant: str, row: KeyRow) -> KeyRow:
    if row.tenant != tenant:
        raise NotFound
    return row
