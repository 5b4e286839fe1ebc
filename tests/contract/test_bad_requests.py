"""Bad requests: each is refused by its own status and code, names what is wrong, and stores nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from world import World

from tests.contract.refusing import refused

KEYS = "/v1/keys"
TENANTS = "/v1/tenants"
VERIFY = "/v1/verify"
ABSENT = "/v1/keys/key_01jdxz5k6mfq8r9s0tvwxyz012"
GOOD = {"name": "x", "scopes": ["PSA"]}
SURROGATE = b'"\\ud800"'


def key(**fields: Any) -> bytes:
    """The body of a key that would be fine but for these fields."""
    return json.dumps(GOOD | fields).encode()


MALFORMED = {
    "nothing but a brace": b"{",
    "single quotes": b"{'name': 'x'}",
    "a comma too many": b'{"name": "x", "scopes": [],}',
    "two documents": key() + key(),
    "a comment": b'/* */ {"name": "x", "scopes": []}',
    "blank": b"   ",
    "invalid UTF-8": b'{"name": "\xff\xfe", "scopes": []}',
    "overlong UTF-8": b'{"name": "\xc0\xaf", "scopes": []}',
    "encoded surrogate": b'{"name": "\xed\xa0\x80", "scopes": []}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + key(),
    "a name given twice": b'{"name": "x", "name": "y", "scopes": []}',
    "a name given twice by escape": b'{"name": "x", "n\\u0061me": "y", "scopes": []}',
    "a nested name given twice": b'{"name": {"a": 1, "a": 2}, "scopes": []}',
    "NaN": b'{"name": NaN, "scopes": []}',
    "Infinity": b'{"name": Infinity, "scopes": []}',
    "minus Infinity": b'{"name": -Infinity, "scopes": []}',
    "1e400": b'{"name": 1e400, "scopes": []}',
    "an integer of 5000 digits": b'{"name": ' + b"9" * 5000 + b', "scopes": []}',
    "a lone surrogate": b'{"name": ' + SURROGATE + b', "scopes": []}',
    "a lone surrogate for a name": b"{" + SURROGATE + b': 1, "name": "x", "scopes": []}',
    "a raw control character": b'{"name": "a\nb", "scopes": []}',
    "nested 30 000 deep": b"[" * 30_000 + b"]" * 30_000,
    "nested 10 000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", [KEYS, TENANTS, VERIFY])
async def test_malformed_json(world: World, path: str, body: bytes) -> None:
    await refused(world, "POST", path, body, 400, "malformed_json")


WRONG_KEYS: dict[str, tuple[bytes, set[str]]] = {
    "not an object": (b"[]", {""}),
    "null": (b"null", {""}),
    "a string": (b'"x"', {""}),
    "a number": (b"1", {""}),
    "empty": (b"", {""}),
    "nothing in it": (b"{}", {"name", "scopes"}),
    "everything wrong at once": (
        b'{"name": 1, "scopes": {}, "tier": [], "expires_at": true, "note": 1, "tenant": 1, "admin": 1}',
        {"name", "scopes", "tier", "expires_at", "note", "tenant", "admin"},
    ),
    "everything wrong in meaning": (
        key(name=" ", scopes=["Nope", "PSA", "PSA"], tier="Gold", expires_at="2001-01-01T00:00:00Z"),
        {"name", "scopes[0]", "scopes[2]", "tier", "expires_at"},
    ),
    "an id": (key(id="key_01jdxz5k6mfq8r9s0tvwxyz012"), {"id"}),
    "a tenant id": (key(tenant_id="home"), {"tenant_id"}),
    "an admin flag": (key(is_admin=True), {"is_admin"}),
    "a hash": (key(hash="00"), {"hash"}),
    "a digest": (key(digest="00"), {"digest"}),
    "a creation time": (key(created_at="2030-01-01T00:00:00Z"), {"created_at"}),
    "usage": (key(usage={}), {"usage"}),
    "a status": (key(status="active"), {"status"}),
    "disabled at birth": (key(disabled=True), {"disabled"}),
    "a name in other case": (key(Name="y"), {"Name"}),
    "an unknown field of 5 000 characters": (key(**{"x" * 5000: 1}), {"x" * 64}),
    "name null": (key(name=None), {"name"}),
    "name of nothing": (key(name=""), {"name"}),
    "name of blanks": (key(name=" \t\n\u3000 "), {"name"}),
    "name of 101": (key(name="x" * 101), {"name"}),
    "name of 60 000": (key(name="x" * 60_000), {"name"}),
    "name with NUL": (key(name="a\0b"), {"name"}),
    "name with a line break": (key(name="a\nb"), {"name"}),
    "name with an ANSI escape": (key(name="\x1b[31mred"), {"name"}),
    "name with a C1 control": (key(name="a\x85b"), {"name"}),
    "name with DEL": (key(name="a\x7fb"), {"name"}),
    "scopes null": (key(scopes=None), {"scopes"}),
    "scopes a string": (key(scopes="PSA"), {"scopes"}),
    "scopes of numbers": (key(scopes=[1]), {"scopes[0]"}),
    "an unknown scope": (key(scopes=["psa"]), {"scopes[0]"}),
    "a scope twice": (key(scopes=["PSA", "PSA"]), {"scopes[1]"}),
    "a scope with NUL": (key(scopes=["PSA\0"]), {"scopes[0]"}),
    "an unknown tier": (key(tier="standard"), {"tier"}),
    "an empty tier": (key(tier=""), {"tier"}),
    "an expiry without a zone": (key(expires_at="2099-01-01T00:00:00"), {"expires_at"}),
    "an expiry that is a date": (key(expires_at="2099-01-01"), {"expires_at"}),
    "an expiry that is a number": (key(expires_at=4_070_908_800), {"expires_at"}),
    "an expiry in the past": (key(expires_at="2020-01-01T00:00:00Z"), {"expires_at"}),
    "an expiry on no date": (key(expires_at="2099-02-30T00:00:00Z"), {"expires_at"}),
    "an expiry in words": (key(expires_at="tomorrow"), {"expires_at"}),
    "an expiry after all time": (key(expires_at="9999-12-31T23:59:59-14:00"), {"expires_at"}),
    "an expiry before all time": (key(expires_at="0001-01-01T00:00:00+14:00"), {"expires_at"}),
    "a note of 1001": (key(note="x" * 1001), {"note"}),
    "a note with NUL": (key(note="a\0b"), {"note"}),
}


@pytest.mark.parametrize(("body", "fields"), WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
async def test_wrong_keys(world: World, body: bytes, fields: set[str]) -> None:
    assert await refused(world, "POST", KEYS, body, 422, "invalid_request") == fields


WRONG_CHANGES: dict[str, tuple[str, bytes, str]] = {
    "name null": ("", b'{"name": null}', "name"),
    "scopes null": ("", b'{"scopes": null}', "scopes"),
    "tier null": ("", b'{"tier": null}', "tier"),
    "disabled null": ("", b'{"disabled": null}', "disabled"),
    "disabled a string": ("", b'{"disabled": "true"}', "disabled"),
    "disabled a number": ("", b'{"disabled": 1}', "disabled"),
    "name of controls": ("", b'{"name": "a\\u0007"}', "name"),
    "an unknown scope": ("", b'{"scopes": ["Nope"]}', "scopes[0]"),
    "an expiry in the past": ("", b'{"expires_at": "2020-01-01T00:00:00Z"}', "expires_at"),
    "another tenant": ("", b'{"tenant": "home"}', "tenant"),
    "revoked": ("", b'{"revoked_at": null}', "revoked_at"),
    "a status": ("", b'{"status": "active"}', "status"),
    "nothing sent": ("", b"", ""),
    "overlap below 0": ("/rotate", b'{"overlap_seconds": -1}', "overlap_seconds"),
    "overlap over 30 days": ("/rotate", b'{"overlap_seconds": 2592001}', "overlap_seconds"),
    "overlap a string": ("/rotate", b'{"overlap_seconds": "5"}', "overlap_seconds"),
    "overlap a fraction": ("/rotate", b'{"overlap_seconds": 1.5}', "overlap_seconds"),
    "overlap of 2^64": ("/rotate", b'{"overlap_seconds": 18446744073709551616}', "overlap_seconds"),
    "overlap of 400 digits": ("/rotate", b'{"overlap_seconds": ' + b"9" * 400 + b"}", "overlap_seconds"),
    "overlap null": ("/rotate", b'{"overlap_seconds": null}', "overlap_seconds"),
    "a secret of one's own": ("/rotate", b'{"secret": "tos_0000000000000000000000105PGE"}', "secret"),
    "reason of 501": ("/revoke", b'{"reason": "' + b"x" * 501 + b'"}', "reason"),
    "reason a list": ("/revoke", b'{"reason": []}', "reason"),
    "a list": ("/revoke", b"[]", ""),
}


@pytest.mark.parametrize(("call", "body", "field"), WRONG_CHANGES.values(), ids=WRONG_CHANGES.keys())
async def test_wrong_changes(world: World, call: str, body: bytes, field: str) -> None:
    made, _ = await world.issue()
    method = "POST" if call else "PATCH"
    path = f"{KEYS}/{made['id']}{call}"
    assert await refused(world, method, path, body, 422, "invalid_request") == {field}
    assert (await world.client.get(f"{KEYS}/{made['id']}")).json() == made


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{}", {"id", "name"}),
        (b'{"id": "UPPER", "name": ""}', {"id", "name"}),
        (b'{"id": "-x", "name": "x"}', {"id"}),
        (b'{"id": "", "name": "x"}', {"id"}),
        (b'{"id": "x\\u0000", "name": "x"}', {"id"}),
        (b'{"id": "x\\n", "name": "x"}', {"id"}),
        (b'{"id": "' + b"x" * 64 + b'", "name": "x"}', {"id"}),
        (b'{"id": "x", "name": "x", "home": true}', {"home"}),
    ],
)
async def test_wrong_tenants(world: World, body: bytes, fields: set[str]) -> None:
    assert await refused(world, "POST", TENANTS, body, 422, "invalid_request") == fields


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{}", {"key"}),
        (b'{"key": 1}', {"key"}),
        (b'{"key": null}', {"key"}),
        (b'{"key": "x", "scope": "Nope"}', {"scope"}),
        (b'{"key": "x", "scope": 1}', {"scope"}),
        (b'{"key": "x", "cost": 0}', {"cost"}),
        (b'{"key": "x", "cost": -1}', {"cost"}),
        (b'{"key": "x", "cost": 1000001}', {"cost"}),
        (b'{"key": "x", "cost": 1.5}', {"cost"}),
        (b'{"key": "x", "cost": "1"}', {"cost"}),
        (b'{"key": "x", "cost": true}', {"cost"}),
        (b'{"key": "x", "tenant": "home"}', {"tenant"}),
        (b"", None),
    ],
)
async def test_wrong_verifications(world: World, body: bytes, fields: set[str] | None) -> None:
    if fields is None:
        await refused(world, "POST", VERIFY, body, 400, "malformed_json")
    else:
        assert await refused(world, "POST", VERIFY, body, 422, "invalid_request") == fields


WRONG_QUERIES = {
    f"{KEYS}?limit=0": {"limit"},
    f"{KEYS}?limit=201": {"limit"},
    f"{KEYS}?limit=-1": {"limit"},
    f"{KEYS}?limit=": {"limit"},
    f"{KEYS}?limit=ten": {"limit"},
    f"{KEYS}?limit=99999999999999999999": {"limit"},
    f"{KEYS}?limit=1&limit=2": {"limit"},
    f"{KEYS}?status=gone": {"status"},
    f"{KEYS}?status=": {"status"},
    f"{KEYS}?status=null": {"status"},
    "/v1/advice?kind=null": {"kind"},
    f"{KEYS}?sort=digest": {"sort"},
    f"{KEYS}?sort=name;drop": {"sort"},
    f"{KEYS}?scope=Nope": {"scope"},
    f"{KEYS}?tier=Nope&scope=Nope": {"scope", "tier"},
    f"{KEYS}?cursor=nonsense": {"cursor"},
    f"{KEYS}?cursor=WyJuYW1lIiwieCIsInkiXQ": {"cursor"},
    f"{KEYS}?cursor=WyItY3JlYXRlZF9hdCIsIm5vIHRpbWUiLCJ5Il0": {"cursor"},
    f"{KEYS}?q=%00": {"q"},
    f"{KEYS}?q={'x' * 501}": {"q"},
    f"{KEYS}?q=%ff": {"query"},
    f"{KEYS}?tenant_id=home": {"tenant_id"},
    f"{KEYS}?a=1&b=2": {"a", "b"},
    f"{KEYS}?{'&'.join('a=1' for _ in range(40))}": {"query"},
    f"{TENANTS}?limit=0": {"limit"},
    f"{TENANTS}?cursor=W10": {"cursor"},
    "/v1/audit?limit=1000": {"limit"},
    "/v1/audit?cursor=WzBd": {"cursor"},
    "/v1/audit?cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDhd": {"cursor"},
    "/v1/usage?days=1": {"days"},
    "/v1/scopes?x": {"x"},
    "/v1/tiers?x=": {"x"},
    f"{ABSENT}?expand=usage": {"expand"},
    f"{ABSENT}/usage?days=0": {"days"},
    f"{ABSENT}/usage?days=367": {"days"},
}


@pytest.mark.parametrize(("path", "fields"), WRONG_QUERIES.items(), ids=[path[:60] for path in WRONG_QUERIES])
async def test_wrong_queries(world: World, path: str, fields: set[str]) -> None:
    assert await refused(world, "GET", path, b"", 422, "invalid_request") == fields


@pytest.mark.parametrize("path", [KEYS, TENANTS, VERIFY])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/msgpack"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_other_media_types(world: World, path: str, headers: dict[str, str]) -> None:
    await refused(world, "POST", path, key(), 415, "unsupported_media_type", headers=headers)


@pytest.mark.parametrize("path", [KEYS, VERIFY])
async def test_large_bodies_are_refused_unread(world: World, path: str) -> None:
    limit = world.settings.max_body_bytes
    await refused(world, "POST", path, b" " * (limit + 1), 413, "body_too_large")
    read: list[int] = []
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        read.append(1)
        return {"type": "http.request", "body": b" " * 16_384, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [
        (b"authorization", f"Bearer {world.secret}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1)}
    await world.app({**scope, "headers": headers}, receive, send)
    assert (sent[0]["status"], len(read)) == (413, limit // 16_384 + 1)
    announced = [*headers, (b"content-length", b"4000000000")]
    read.clear()
    sent.clear()
    await world.app({**scope, "headers": announced}, receive, send)
    assert (sent[0]["status"], len(read)) == (413, 0)


async def test_good_requests_pass_the_same_checks(world: World) -> None:
    """The negative control: what the tables above change is all that was wrong."""
    for media_type in ("application/json", "application/json; charset=UTF-8", "Application/JSON"):
        answer = await world.client.post(KEYS, content=key(), headers={"Content-Type": media_type})
        assert answer.status_code == 201
    made, _ = await world.issue()
    rotate = f"{KEYS}/{made['id']}/rotate"
    answer = await world.client.post(
        rotate, content=b'{"overlap_seconds": 2.0}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, "2.0 is the integer 2"
    name = "x" * 100
    answer = await world.client.post(
        KEYS, content=key(name=f"  {name}\n", note=""), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["key"]["name"], answer.json()["key"]["note"]) == (201, name, None)
