"""Advice in words: what each kind is called, why it is given, and what the pages say when it was followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from msgspec import Struct

from keystile.console.format import number
from keystile.console.pages import path_of
from keystile.console.shell import Link, Message
from keystile.hub.advice.schemas import COUNTED, Advice


class Words(Struct, frozen=True, kw_only=True):
    """One kind of advice."""

    name: str
    plural: str
    counted: str
    """After a number of keys."""
    why: str


WORDS: Mapping[str, Words] = {
    "old_secret": Words(
        name="Old secret",
        plural="Old secrets",
        counted="with an old secret",
        why="An old secret has had time to end up in logs, backups and mails.",
    ),
    "no_expiry": Words(
        name="No expiry",
        plural="No expiry",
        counted="without expiry",
        why="If it is forgotten, it still opens all that it opens now.",
    ),
    "unused": Words(
        name="Unused",
        plural="Unused",
        counted="unused",
        why="What nobody uses can only be misused.",
    ),
    "unused_scopes": Words(
        name="Unused scopes",
        plural="Unused scopes",
        counted="with unused scopes",
        why="If the secret leaks, they are open too.",
    ),
    "sudden_change": Words(
        name="Sudden change",
        plural="Sudden changes",
        counted="suddenly changed",
        why="A program was changed, something broke, or somebody else has the secret.",
    ),
}
"""In the order in which advice is given."""

DONE: Mapping[str, Message] = {
    "expires": Message("The API key expires in 90 days now. Edit it to choose another day."),
    "disabled": Message("The API key is disabled: requests with it are refused until it is enabled again."),
    "dropped": Message("The scopes that the API key did not use are dropped. Edit it to give them back."),
    "outdated": Message("This advice is not given any more, so nothing was changed.", tone="info"),
}
"""The sentences that `?done=` can show."""


class Badge(Struct, frozen=True):
    """A quiet remark beside a key's name."""

    text: str
    title: str
    href: str


def advice_path(tenant: str, **query: str) -> str:
    """The page of a tenant's advice; what is empty is not asked for."""
    asked = urlencode({name: value for name, value in query.items() if value})
    path = path_of(tenant, "advice")
    return f"{path}?{asked}" if asked else path


def paths(tenant: str) -> Mapping[str, str]:
    """Where the buttons of `parts/advice.html` lead."""
    return {"keys": path_of(tenant), "advice": path_of(tenant, "advice")}


def badges(tenant: str, pieces: Sequence[Advice]) -> list[Badge]:
    """What is said of one key."""
    return [Badge(WORDS[one.kind].name, WORDS[one.kind].why, advice_path(tenant, kind=one.kind)) for one in pieces]


def summary(tenant: str, counts: Mapping[str, int]) -> list[Link]:
    """How many keys each kind is about, without those that are about none."""
    return [
        Link(f"{at_most(count)} {WORDS[kind].counted}", advice_path(tenant, kind=kind))
        for kind, count in counts.items()
        if count
    ]


def tabs(tenant: str, counts: Mapping[str, int], kind: str) -> list[Link]:
    """All advice, and each kind of it."""
    kinds = [
        Link(f"{words.plural} {at_most(counts[name])}", advice_path(tenant, kind=name), current=name == kind)
        for name, words in WORDS.items()
    ]
    return [Link("All", advice_path(tenant), current=not kind), *kinds]


def at_most(count: int) -> str:
    """A count that may stand for more."""
    return f"{number(COUNTED)}+" if count > COUNTED else number(count)
