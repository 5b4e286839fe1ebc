"""Imports: keys with secrets that were made elsewhere, each once however often it is sent, and within one's rights."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from world import World

from keystile import mint
from keystile.hub.imports.schemas import MOST_BYTES, MOST_LINE_BYTES, MOST_LINES

PATH = "/v1/keys/import"
_numbers = count(1)


def secret() -> str:
    """A new one, as somebody else would make it."""
    return "sk_live_" + hashlib.sha256(f"secret {next(_numbers)}".encode()).hexdigest()[:32]


def wanted(**fields: Any) -> dict[str, Any]:
    """A line that would be fine but for these fields; without a field that is None."""
    line = {"name": "Imported", "scopes": ["PSA"], "secret": secret(), **fields}
    return {name: value for name, value in line.items() if value is not None}


async def send(
    world: World, *lines: dict[str, Any] | bytes, client: httpx.AsyncClient | None = None, **query: str
) -> httpx.Response:
    """Send a batch."""
    raw = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    headers = {"Content-Type": "application/x-ndjson"}
    return await (client or world.client).post(PATH, content=raw + b"\n", headers=headers, params=query)


async def taken(world: World, *lines: dict[str, Any] | bytes, **options: Any) -> list[dict[str, Any]]:
    """What is answered of each line."""
    answer = await send(world, *lines, **options)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    for outcome in ("imported", "existed", "refused"):
        assert told[outcome] == sum(line["outcome"] == outcome for line in told["lines"]), told
    assert [line["line"] for line in told["lines"]] == sorted({line["line"] for line in told["lines"]})
    lines_told: list[dict[str, Any]] = told["lines"]
    return lines_told


async def refusal(world: World, line: dict[str, Any] | bytes, **options: Any) -> dict[str, str]:
    """The faults of one line by field; nothing is stored for it."""
    before = await world.stored()
    told = await taken(world, line, **options)
    assert [one["outcome"] for one in told] == ["refused"], told
    assert await world.stored() == before
    return {fault["field"]: fault["message"] for fault in told[0]["errors"]}


async def test_an_imported_key_works_in_its_old_form(world: World) -> None:
    line = wanted(name="  Old client ", scopes=["PSA", "CRM"], tier="Professional", note="From before.")
    [told] = await taken(world, line)
    assert told == {"line": 1, "outcome": "imported", "key_id": told["key_id"]}
    assert await world.decide(line["secret"], "CRM") == (200, "ok")
    assert await world.decide(line["secret"], "Books") == (403, "insufficient_scope")
    assert await world.decide(line["secret"][:-1]) == (401, "malformed_key")
    verdict = (await world.client.post("/v1/verify", json={"key": line["secret"], "scope": "PSA"})).json()
    assert (verdict["allowed"], verdict["key_id"], verdict["tier"]) == (True, told["key_id"], "Professional")
    key = (await world.client.get(f"/v1/keys/{told['key_id']}")).json()
    assert (key["name"], key["scopes"], key["note"]) == ("Old client", ["PSA", "CRM"], "From before.")
    assert (key["start"], key["last4"]) == ("sk_live_", line["secret"][-4:])
    revoked = await world.client.post(f"/v1/keys/{key['id']}/revoke")
    assert revoked.status_code == 200
    assert await world.decide(line["secret"]) == (401, "revoked_key")


async def test_a_digest_is_enough(world: World) -> None:
    texts = [secret() for _ in range(5)]
    hashed = [hashlib.sha256(text.encode()).digest() for text in texts]
    forms = [
        hashed[0].hex(),
        hashed[1].hex().upper(),
        base64.b64encode(hashed[2]).decode(),
        base64.urlsafe_b64encode(hashed[3]).decode().rstrip("="),
    ]
    lines = [wanted(secret=None, sha256=form) for form in forms]
    lines.append(wanted(secret=None, sha256=hashed[4].hex(), start="sk_live_", last4="beef"))
    told = await taken(world, *lines)
    assert {line["outcome"] for line in told} == {"imported"}
    for text in texts:
        assert await world.decide(text) == (200, "ok")
    shown = [(await world.client.get(f"/v1/keys/{line['key_id']}")).json() for line in told]
    assert [(key["start"], key["last4"]) for key in shown] == [("", "")] * 4 + [("sk_live_", "beef")]
    # The same secret, given as itself, is the same key.
    assert [line["outcome"] for line in await taken(world, wanted(secret=texts[0]))] == ["existed"]


async def test_how_much_of_a_short_secret_is_kept(world: World) -> None:
    texts = {"aB3dE5gH7jK9mN1p": ("", ""), "aB3dE5gH7jK9mN1pQ2rS": ("", "Q2rS"), "aB3dE5gH7jK9mN1pQ2rS4": ("a", "2rS4")}
    told = await taken(world, *(wanted(secret=text) for text in texts))
    keys = [(await world.client.get(f"/v1/keys/{line['key_id']}")).json() for line in told]
    assert [(key["start"], key["last4"]) for key in keys] == list(texts.values())


async def test_a_batch_sent_again_makes_nothing(world: World) -> None:
    lines = [wanted(name=f"Again {number}") for number in range(20)]
    first = await taken(world, *lines)
    before = await world.stored()
    again = await taken(world, *lines)
    assert await world.stored() == before
    assert [line["outcome"] for line in again] == ["existed"] * 20
    assert [line["key_id"] for line in again] == [line["key_id"] for line in first]
    # Whatever became of the keys since.
    ids = [line["key_id"] for line in first]
    await world.client.patch(f"/v1/keys/{ids[0]}", json={"name": "Renamed", "tier": "Enterprise"})
    await world.client.post(f"/v1/keys/{ids[1]}/revoke")
    await world.client.post(f"/v1/keys/{ids[2]}/rotate", json={"overlap_seconds": 0})
    before = await world.stored()
    assert [line["outcome"] for line in await taken(world, *lines)] == ["existed"] * 20
    assert await world.stored() == before
    assert await world.decide(lines[1]["secret"]) == (401, "revoked_key")
    assert (await world.decide(lines[2]["secret"]))[0] == 401


async def test_the_same_batch_many_times_at_once(world: World) -> None:
    lines = [wanted(name=f"Race {number}") for number in range(100)]
    _, other = await world.issue(scopes=["Hub", "PSA"], tier="Enterprise")
    async with world.client_of(other) as client:
        # Two callers, since the batches of one take turns; the second sends the lines in another order.
        both = await asyncio.gather(
            *(taken(world, *lines) for _ in range(2)),
            *(taken(world, *reversed(lines), client=client) for _ in range(2)),
        )
    outcomes = [line["outcome"] for told in both for line in told]
    assert (outcomes.count("imported"), outcomes.count("existed")) == (100, 300)
    names = await world.connection.fetchval("SELECT count(*) FROM keys WHERE name LIKE 'Race %'")
    rows = "SELECT count(*) FROM audit WHERE action = 'key.import' AND detail ->> 'name' LIKE 'Race %'"
    assert (names, await world.connection.fetchval(rows)) == (100, 100)


async def test_one_secret_has_one_record(world: World) -> None:
    text = secret()
    line = wanted(secret=text)
    await taken(world, line)
    tenant = await world.tenant()
    for other in (
        {"name": "Another"},
        {"scopes": ["CRM"]},
        {"tier": "Professional"},
        {"note": "A note."},
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"tenant": tenant},
    ):
        assert (await refusal(world, {**line, **other})).keys() == {"secret"}
    # A secret of ours, and one that a rotation is about to end, are in use too. As itself no secret of ours is taken.
    key, own = await world.issue()
    of_ours = wanted(secret=None, sha256=hashlib.sha256(own.encode()).hexdigest())
    assert (await refusal(world, of_ours)).keys() == {"sha256"}
    await world.client.post(f"/v1/keys/{key['id']}/rotate")
    assert (await refusal(world, of_ours)).keys() == {"sha256"}


@pytest.mark.parametrize("dry_run", ["true", "false"])
async def test_twice_in_one_batch(world: World, dry_run: str) -> None:
    line = wanted()
    told = await taken(world, line, {**line, "name": "Another"}, line, wanted(), dry_run=dry_run)
    assert [one["outcome"] for one in told] == ["imported", "refused", "existed", "imported"]


async def test_a_retired_pepper_is_remembered(world: World) -> None:
    """A key that was imported under the pepper before is not imported again under the new one."""
    line = wanted(name="Under the old pepper")
    await taken(world, line)
    issuer = world.app._api._api.dependencies["hub"].dependency().issuer
    retired, pepper = issuer._retired, issuer._pepper
    issuer._retired, issuer._pepper = [pepper], b"n" * 32
    try:
        assert [one["outcome"] for one in await taken(world, line)] == ["existed"]
        _, own = await world.issue()
        issuer._retired, issuer._pepper = [b"n" * 32], pepper
        of_ours = wanted(secret=None, sha256=hashlib.sha256(own.encode()).hexdigest())
        assert (await refusal(world, of_ours)).keys() == {"sha256"}
    finally:
        issuer._retired, issuer._pepper = retired, pepper
    assert await world.connection.fetchval("SELECT count(*) FROM keys WHERE name = 'Under the old pepper'") == 1


async def test_without_a_pepper_that_keys_were_imported_under_nothing_is_imported(world: World) -> None:
    """A key that was revoked would come back: nobody could tell that its secret was imported before."""
    line = wanted(name="Revoked before")
    [told] = await taken(world, line)
    assert (await world.client.post(f"/v1/keys/{told['key_id']}/revoke")).status_code == 200
    issuer = world.app._api._api.dependencies["hub"].dependency().issuer
    retired, pepper = issuer._retired, issuer._pepper
    before = await world.stored()
    issuer._retired, issuer._pepper = [], b"o" * 32
    try:
        for dry_run in ("true", "false"):
            answer = await send(world, line, wanted(), dry_run=dry_run)
            assert answer.status_code == 422
            assert "retired_peppers" in answer.json()["errors"][0]["message"]
        assert await world.stored() == before
        issuer._retired = [pepper]
        assert [one["outcome"] for one in await taken(world, line)] == ["existed"]
    finally:
        issuer._retired, issuer._pepper = retired, pepper
    fingerprints = await world.connection.fetch("SELECT fingerprint FROM import_peppers")
    assert [row["fingerprint"] for row in fingerprints] == issuer.fingerprints()


async def test_a_dry_run_says_the_same_and_stores_nothing(world: World) -> None:
    there = wanted()
    await taken(world, there)
    lines: list[dict[str, Any] | bytes] = [wanted(), there, {**there, "name": "x"}, wanted(tier="Nope"), b"{", wanted()]
    before = await world.stored()
    dry = await taken(world, *lines, dry_run="true")
    assert await world.stored() == before
    real = await taken(world, *lines)
    assert [line["outcome"] for line in dry] == [line["outcome"] for line in real]
    assert [line.get("errors") for line in dry] == [line.get("errors") for line in real]


PAST = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
WEAK = "Use 16 to 512 characters."
WRONG: dict[str, tuple[dict[str, Any] | bytes, set[str]]] = {
    "no JSON": (b"{", {""}),
    "no object": (b"[1]", {""}),
    "two documents": (b"{} {}", {""}),
    "invalid UTF-8": (b'{"name": "\xff"}', {""}),
    "a name given twice": (b'{"name": "x", "name": "y"}', {""}),
    "nested 5 000 deep": (b"[" * 5_000, {""}),
    "nothing": ({}, {"name", "scopes"}),
    "an unknown field": (wanted(digest="00"), {"digest"}),
    "a hash": (wanted(created_at=PAST), {"created_at"}),
    "no name": (wanted(name=None), {"name"}),
    "an empty name": (wanted(name="  "), {"name"}),
    "a name of controls": (wanted(name="a\u0007"), {"name"}),
    "a number for a name": (wanted(name=1), {"name"}),
    "no scopes": (wanted(scopes=None), {"scopes"}),
    "scopes as text": (wanted(scopes="PSA"), {"scopes"}),
    "an unknown scope": (wanted(scopes=["PSA", "psa"]), {"scopes[1]"}),
    "a scope twice": (wanted(scopes=["PSA", "PSA"]), {"scopes[1]"}),
    "an unknown tier": (wanted(tier="standard"), {"tier"}),
    "an absent tenant": (wanted(tenant="nobody"), {"tenant"}),
    "no tenant's id": (wanted(tenant="NO\u0000"), {"tenant"}),
    "an end in the past": (wanted(expires_at=PAST), {"expires_at"}),
    "an end without a zone": (wanted(expires_at="2099-01-01T00:00:00"), {"expires_at"}),
    "an end after all time": (wanted(expires_at="9999-12-31T23:59:59-14:00"), {"expires_at"}),
    "a note of 1001": (wanted(note="x" * 1001), {"note"}),
    "no secret": (wanted(secret=None), {"secret"}),
    "secret and digest": (wanted(sha256="0" * 64), {"secret"}),
    "a number for a secret": (wanted(secret=1), {"secret"}),
    "a secret of 15": (wanted(secret="aB3dE5gH7jK9mN1"), {"secret"}),
    "a secret of 513": (wanted(secret="aB3dE5gH7" * 57), {"secret"}),
    "a secret with a space": (wanted(secret=secret() + " "), {"secret"}),
    "a secret with a line end": (wanted(secret=secret() + "\n"), {"secret"}),
    "a secret that is not ASCII": (wanted(secret=secret() + "é"), {"secret"}),
    "one character, often": (wanted(secret="a" * 64), {"secret"}),
    "a word, often": (wanted(secret="password" * 8), {"secret"}),
    "a few digits": (wanted(secret="1234567890123456"), {"secret"}),
    "a digest cut off": (wanted(secret=None, sha256="0" * 63), {"sha256"}),
    "a digest that is none": (wanted(secret=None, sha256="g" * 64), {"sha256"}),
    "a longer digest": (wanted(secret=None, sha256="0" * 128), {"sha256"}),
    "a bcrypt hash": (wanted(secret=None, sha256="$2b$12$" + "x" * 53), {"sha256"}),
    "a start beside the secret": (wanted(start="sk_live_", last4="beef"), {"start", "last4"}),
    "a long start": (wanted(secret=None, sha256="0" * 64, start="x" * 9), {"start"}),
    "a start with a space": (wanted(secret=None, sha256="0" * 64, start="a b"), {"start"}),
    "a secret of ours": (wanted(secret=mint()), {"secret"}),
    "nearly a secret of ours": (wanted(secret=mint()[:-1] + "-"), {"secret"}),
    "a long line": (wanted(note=" " * MOST_LINE_BYTES), {""}),
    "a short end": (wanted(secret=None, sha256="0" * 64, last4="abc"), {"last4"}),
}


@pytest.mark.parametrize(("line", "fields"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_line_is_refused_and_stops_no_other(
    world: World, line: dict[str, Any] | bytes, fields: set[str]
) -> None:
    assert (await refusal(world, line)).keys() == fields
    told = await taken(world, wanted(), line, wanted())
    assert [one["outcome"] for one in told] == ["imported", "refused", "imported"]


async def test_a_refusal_never_repeats_the_secret(world: World) -> None:
    text = "short-and-known"
    told = await send(world, wanted(secret=text), wanted(secret=f"{secret()} {text}"), wanted(secret=None, sha256=text))
    assert told.json()["refused"] == 3
    assert text not in told.text


@pytest.mark.parametrize(
    ("content", "media_type", "query", "status"),
    [
        (b"", "application/x-ndjson", {}, 422),
        (b"\n \n\n", "application/x-ndjson", {}, 422),
        (b"{}\n" * (MOST_LINES + 1), "application/x-ndjson", {}, 422),
        (b" " * (MOST_BYTES + 1), "application/x-ndjson", {}, 413),
        (b"{}", "application/json", {}, 415),
        (b"{}", "text/csv", {}, 415),
        (b"{}", "application/x-ndjson", {"dry": "true"}, 422),
        (b"{}", "application/x-ndjson", {"dry_run": "perhaps"}, 422),
        (b"{}", "application/x-ndjson", {"tenant": "nobody"}, 404),
    ],
)
async def test_a_wrong_batch(world: World, content: bytes, media_type: str, query: dict[str, str], status: int) -> None:
    before = await world.stored()
    answer = await world.client.post(PATH, content=content, headers={"Content-Type": media_type}, params=query)
    assert answer.status_code == status, answer.text
    assert await world.stored() == before


async def test_as_many_lines_as_may_be(world: World) -> None:
    lines = [wanted(name=f"Many {number}", scopes=[]) for number in range(MOST_LINES)]
    assert {line["outcome"] for line in await taken(world, *lines)} == {"imported"}


@pytest.fixture
async def small(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A key that holds little: two scopes, the middle tier, an hour to live."""
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    _, text = await world.issue(scopes=["Hub", "PSA"], tier="Professional", expires_at=soon)
    async with world.client_of(text) as client:
        yield client


async def test_nobody_imports_more_than_they_hold(world: World, small: httpx.AsyncClient) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    late = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    told = await taken(
        world,
        wanted(expires_at=soon),
        wanted(expires_at=soon, scopes=["CRM"]),
        wanted(expires_at=soon, tier="Enterprise"),
        wanted(expires_at=late),
        wanted(),
        client=small,
    )
    assert [line["outcome"] for line in told] == ["imported"] + ["refused"] * 4


async def test_a_foreign_tenant_is_an_absent_one(world: World) -> None:
    own, other = await world.tenant(), await world.tenant()
    scopes = [scope.name for scope in world.settings.scopes]
    _, text = await world.issue(scopes=scopes, tier="Enterprise", tenant=own)
    async with world.client_of(text) as client:
        told = [await refusal(world, wanted(tenant=tenant), client=client) for tenant in (other, "home", "nobody")]
        assert told[0] == told[1] == told[2]
        assert (await send(world, wanted(), client=client, tenant=other)).status_code == 404
        [line] = await taken(world, wanted(name="Mine", tenant=own), client=client)
    # The home tenant imports for others, by the line or for all of them.
    lines = [wanted(name="Theirs"), wanted(name="Theirs", tenant="home")]
    await taken(world, *lines, tenant=other)
    found = await world.connection.fetch("SELECT tenant, name FROM keys WHERE name IN ('Mine', 'Theirs') ORDER BY 1")
    assert sorted(map(tuple, found)) == sorted([(own, "Mine"), (other, "Theirs"), ("home", "Theirs")])
    assert line["key_id"]


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A key of another tenant that holds everything."""
    scopes = [scope.name for scope in world.settings.scopes]
    _, text = await world.issue(scopes=scopes, tier="Enterprise", tenant=await world.tenant())
    async with world.client_of(text) as client:
        yield client


async def test_nobody_learns_of_a_foreign_key(world: World, stranger: httpx.AsyncClient) -> None:
    other = await world.tenant()
    theirs = wanted(name="A foreign one", tenant=other)
    await taken(world, theirs)
    for line in (theirs, {**theirs, "name": "x"}, {**theirs, "tenant": "nobody"}, wanted(tenant=other)):
        assert await refusal(world, line, client=stranger) == {"tenant": "There is no such tenant."}


async def test_only_the_home_tenant_imports_by_digest(world: World, stranger: httpx.AsyncClient) -> None:
    """A digest proves nothing: others send the secret, and are told nothing of digests that they came by."""
    there, absent = wanted(), secret()
    await taken(world, there)
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (there["secret"], absent)]
    told = [await refusal(world, wanted(secret=None, sha256=one), client=stranger) for one in digests]
    assert told[0] == told[1]
    assert "--send-secrets" in told[0]["sha256"]
    assert [line["outcome"] for line in await taken(world, wanted(secret=absent), client=stranger)] == ["imported"]


async def test_each_key_has_its_audit_row_or_is_not_there(world: World) -> None:
    told = await taken(world, wanted(name="Audited", expires_at="2099-01-01T00:00:00Z"), wanted(name="Audited too"))
    for line in told:
        [row] = (await world.client.get("/v1/audit", params={"target": line["key_id"]})).json()["items"]
        assert (row["action"], row["tenant"]) == ("key.import", "home")
        assert row["detail"].keys() == {"name", "scopes", "tier", "expires_at"}
    before = await world.stored()
    await world.connection.execute("ALTER TABLE audit ADD CONSTRAINT nothing CHECK (action <> 'key.import') NOT VALID")
    try:
        assert (await send(world, wanted(), wanted())).status_code >= 500
    finally:
        await world.connection.execute("ALTER TABLE audit DROP CONSTRAINT nothing")
    assert await world.stored() == before


async def test_the_secret_is_kept_nowhere(world: World) -> None:
    line = wanted(name="Nowhere")
    text = line["secret"]
    answer = await send(world, line)
    assert text not in answer.text
    tables = ("keys", "audit", "changes", "usage_totals")
    found = [await world.connection.fetchval(f"SELECT string_agg({table}::text, '') FROM {table}") for table in tables]
    kept = "".join(found)
    assert "Nowhere" in kept
    assert text not in kept
    assert hashlib.sha256(text.encode()).hexdigest() not in kept
