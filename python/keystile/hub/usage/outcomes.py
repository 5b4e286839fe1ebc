"""Outcomes: the final statuses that a gate could not see, as proxies report them. One JSON object a line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from keystile.hub import body
from keystile.hub.auth import Caller
from keystile.hub.errors import FieldError, Invalid, Malformed
from keystile.hub.text import NO_CONTROLS, has_controls, is_key_id
from keystile.store import outcomes
from keystile.store.partitions import Retention
from keystile.store.pool import Connection
from keystile.store.records import OutcomeRow

MOST_BYTES = 4_194_304
MOST_LINES = 10_000
MEDIA_TYPE = "application/x-ndjson"

_MOST_AHEAD = timedelta(minutes=5)
_MOST_FAULTS = 100
_LINES_PER_TURN = 250
"""Lines read between two chances for other requests of this process."""


class Outcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one request ended; `id` is the reporter's own, and the same whenever it is sent again."""

    id: Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema={"pattern": NO_CONTROLS})]
    key_id: str
    status: Annotated[int, Meta(ge=100, le=599)]
    at: Annotated[datetime, Meta(tz=True)]


class OutcomesTaken(Struct, frozen=True, kw_only=True):
    """How many outcomes of a batch were new, and how many had been reported before, or twice in it."""

    accepted: int
    duplicates: int


async def take(connection: Connection, caller: Caller, raw: bytes, retention: Retention) -> OutcomesTaken:
    """Count a batch, each outcome once however often it is sent. Invalid, and nothing counted, if a line is wrong."""
    batch = await parse(raw)
    named = {one.key_id for _, one in batch if is_key_id(one.key_id)}
    now, known = await outcomes.known_keys(connection, named, caller.reach)
    oldest = now - timedelta(days=retention.outcome_days)
    faults: list[FieldError] = []
    for number, one in batch:
        faults += _faults(number, one, known, oldest, now + _MOST_AHEAD)
    _refuse(faults)
    rows = [OutcomeRow(id=one.id, key_id=one.key_id, status=one.status, at=one.at) for _, one in batch]
    accepted = await outcomes.add(connection, caller.tenant, caller.reach, rows, retention)
    return OutcomesTaken(accepted=accepted, duplicates=len(rows) - accepted)


async def parse(raw: bytes) -> list[tuple[int, Outcome]]:
    """The lines that are not blank, by number from 1. Invalid, naming each line that is no outcome."""
    if raw.count(b"\n") > MOST_LINES:
        raise Invalid([FieldError("", f"Send at most {MOST_LINES} lines.")])
    batch: list[tuple[int, Outcome]] = []
    faults: list[FieldError] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if number % _LINES_PER_TURN == 0:
            await asyncio.sleep(0)
        if not line.strip():
            continue
        try:
            batch.append((number, body.decode(line, Outcome)))
        except Malformed:
            faults.append(FieldError(_place(number), "This line is not one JSON document."))
        except Invalid as error:
            faults += [FieldError(_place(number, fault.field), fault.message) for fault in error.errors]
        if len(faults) >= _MOST_FAULTS:
            break
    _refuse(faults)
    if not batch:
        raise Invalid([FieldError("", "Send at least one line.")])
    return batch


def _faults(number: int, one: Outcome, known: set[str], oldest: datetime, newest: datetime) -> list[FieldError]:
    """What types alone cannot say."""
    found = []
    if has_controls(one.id):
        found.append(FieldError(_place(number, "id"), "Control characters are not allowed."))
    if one.key_id not in known:
        found.append(FieldError(_place(number, "key_id"), "There is no such key."))
    if one.at < oldest:
        found.append(FieldError(_place(number, "at"), "This is too long ago: it could be counted twice."))
    elif one.at > newest:
        found.append(FieldError(_place(number, "at"), "This is in the future."))
    return found


def _place(number: int, field: str = "") -> str:
    return f"lines[{number}].{field}" if field else f"lines[{number}]"


def _refuse(faults: Sequence[FieldError]) -> None:
    if faults:
        raise Invalid(faults[:_MOST_FAULTS])
