"""What the Hub does with a batch: each line is imported, was there before, or is refused; none of it twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from keystile.hub import rights
from keystile.hub.auth import Caller
from keystile.hub.errors import Escalation, Faults, FieldError, Invalid
from keystile.hub.imports.batch import Batch, Wanted
from keystile.hub.imports.schemas import ImportAnswer, ImportedLine
from keystile.hub.keys import checks
from keystile.hub.keys.service import creation
from keystile.hub.tenants.service import reached, require_tenant
from keystile.hub.trail import record_each
from keystile.store import catalogue, imports
from keystile.store.imports import Known
from keystile.store.pool import Connection
from keystile.store.records import ImportedKey, TierRow

_OTHER = "This secret was imported before, with another record or for another tenant."
_IN_USE = "This secret is in use already."
_UNPROVEN = "Only the home tenant imports by sha256. Send the secret: keystile keys import --send-secrets."
_PEPPER_MISSING = (
    "Keys were imported under a pepper that is not configured any more, so nobody can tell which secrets were imported"
    " before. Put it back into retired_peppers."
)


class Rules(Struct, frozen=True):
    """What lines are held against."""

    caller: Caller
    tenant: str
    """Whose keys they are where a line does not say."""
    tenants: Collection[str]
    """Those that the caller may act for, of all that are named."""
    scopes: Collection[str]
    tiers: Mapping[str, TierRow]


async def take(
    connection: Connection, caller: Caller, batch: Batch, tenant: str | None, *, dry_run: bool
) -> ImportAnswer:
    """Import a batch, in a transaction.

    Invalid for one without lines, or if a pepper is missing; NotFound for the call's own tenant.
    """
    acting = await require_tenant(connection, caller.acting_for(tenant))
    if not batch.wanted and not batch.faulty:
        raise Invalid([FieldError("", "Send at least one line.")])
    if not (await imports.peppers(connection)).issubset(batch.peppers):
        raise Invalid([FieldError("", _PEPPER_MISSING)])
    rules = await _rules(connection, caller, batch, acting)
    lines = [_refused(number, faults) for number, faults in batch.faulty.items()]
    pretended: dict[str, tuple[str, int | None]] = {}
    waiting: Sequence[Wanted] = batch.wanted
    # A second round is for secrets that come twice in the batch, or that somebody else imports at the same time.
    while waiting:
        known = await _known(connection, waiting)
        known.by_id.update(pretended)
        fresh, judged = _judge(rules, known, waiting)
        made = fresh if dry_run else await _import(connection, caller, fresh, batch.peppers[0])
        if dry_run:
            pretended |= {key.id: (key.tenant, key.imported_as) for key in made.values()}
        lines += judged
        lines += [
            ImportedLine(line=number, outcome="imported", key_id=None if dry_run else key.id)
            for number, key in made.items()
        ]
        settled = made.keys() | {line.line for line in judged}
        waiting = [one for one in waiting if one.line not in settled]
    return _answer(lines, dry_run=dry_run)


async def _rules(connection: Connection, caller: Caller, batch: Batch, tenant: str) -> Rules:
    named = {one.tenant for one in batch.wanted if one.tenant is not None} - {tenant}
    return Rules(
        caller=caller,
        tenant=tenant,
        tenants={tenant} | await reached(connection, caller, named),
        scopes={scope.name for scope in await catalogue.scopes(connection)},
        tiers={tier.name: tier for tier in await catalogue.tiers(connection)},
    )


async def _known(connection: Connection, wanted: Sequence[Wanted]) -> Known:
    ids = [key_id for one in wanted for key_id in one.ids]
    return await imports.known(connection, ids, [digest for one in wanted for digest in one.digests])


def _judge(rules: Rules, known: Known, wanted: Sequence[Wanted]) -> tuple[dict[int, ImportedKey], list[ImportedLine]]:
    """Keys to add, by line, and what is to be said of the other lines; nothing yet of a secret that comes again."""
    fresh: dict[int, ImportedKey] = {}
    lines: list[ImportedLine] = []
    ids: set[str] = set()
    for one in wanted:
        barred = _barred(rules, one)
        if barred:
            lines.append(_refused(one.line, barred))
            continue
        if one.ids[0] in ids:
            continue
        before = next((key_id for key_id in one.ids if key_id in known.by_id), None)
        if before is not None:
            lines.append(_met_again(one, before, known.by_id[before], rules.tenant))
        elif known.digests.intersection(one.digests):
            lines.append(_refused(one.line, [FieldError(one.field, _IN_USE)]))
        else:
            try:
                fresh[one.line] = _key(rules, one)
                ids.add(one.ids[0])
            except Invalid as error:
                lines.append(_refused(one.line, error.errors))
    return fresh, lines


def _barred(rules: Rules, one: Wanted) -> list[FieldError]:
    """Why the caller is told nothing of this secret, whether some key has it or not."""
    faults: list[FieldError] = []
    if (one.tenant or rules.tenant) not in rules.tenants:
        faults.append(FieldError("tenant", "There is no such tenant."))
    # A digest proves nothing: whoever came by a table of them could take the keys of others, or ask which there are.
    if one.field == "sha256" and not rules.caller.home:
        faults.append(FieldError("sha256", _UNPROVEN))
    return faults


def _met_again(one: Wanted, key_id: str, there: tuple[str, int | None], tenant: str) -> ImportedLine:
    """The same line again changes nothing, whatever became of the key since."""
    if there == (one.tenant or tenant, one.imported_as):
        return ImportedLine(line=one.line, outcome="existed", key_id=key_id)
    return _refused(one.line, [FieldError(one.field, _OTHER)])


def _key(rules: Rules, one: Wanted) -> ImportedKey:
    """The key to add. Invalid if it must not be."""
    faults = Faults()
    checks.check_scopes(faults, one.scopes, rules.scopes)
    tier = checks.check_tier(faults, one.tier if one.tier is not None else next(iter(rules.tiers)), rules.tiers)
    expires_at = checks.check_expiry(faults, one.expires_at)
    faults.check()
    try:
        rights.check_grant(rules.caller, rules.tiers, scopes=one.scopes, tier=tier, expires_at=expires_at)
    except Escalation as error:
        faults.add("", error.detail or "A key can only give what it holds itself.")
        faults.check()
    return ImportedKey(
        id=one.ids[0],
        tenant=one.tenant or rules.tenant,
        name=one.name,
        start=one.start,
        last4=one.last4,
        digest=one.digests[0],
        scopes=one.scopes,
        tier=tier,
        created_by=rules.caller.actor,
        expires_at=expires_at,
        note=one.note,
        imported_as=one.imported_as,
    )


async def _import(
    connection: Connection, caller: Caller, fresh: Mapping[int, ImportedKey], pepper: int
) -> dict[int, ImportedKey]:
    """Add keys and their audit rows; those that nobody else has added meanwhile."""
    if not fresh:
        return {}
    await imports.note_pepper(connection, pepper)
    ids = await imports.insert(connection, list(fresh.values()), caller.actor)
    made = {number: key for number, key in fresh.items() if key.id in ids}
    told = [(key.tenant, key.id, creation(key)) for key in made.values()]
    await record_each(connection, caller, "key.import", told)
    return made


def _refused(number: int, faults: list[FieldError]) -> ImportedLine:
    return ImportedLine(line=number, outcome="refused", errors=faults)


def _answer(lines: list[ImportedLine], *, dry_run: bool) -> ImportAnswer:
    count = {outcome: sum(line.outcome == outcome for line in lines) for outcome in ("imported", "existed", "refused")}
    return ImportAnswer(dry_run=dry_run, lines=sorted(lines, key=lambda line: line.line), **count)
