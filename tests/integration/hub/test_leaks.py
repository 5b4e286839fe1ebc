"""Reports of leaked secrets: signed as GitHub signs them, or refused; and a holder who revokes its own key."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from github import GitHub
from world import World, open_world

from keystile import mint
from keystile.hub.leaks import endpoint, signers
from keystile.hub.leaks.endpoint import Leaks
from keystile.settings import Settings
from keystile.store.embedded import EmbeddedPostgres

Eventually = Callable[..., Awaitable[None]]
PATH = "/v1/leaks"
SELF = "/v1/keys/self/revoke"
FILE = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    one = GitHub()
    yield one
    one.close()


@pytest.fixture(scope="module")
async def world(postgres: EmbeddedPostgres, template: str, github: GitHub) -> AsyncIterator[World]:
    """A Hub that believes that GitHub."""
    async with open_world(postgres, template, leaks_keys_url=github.url) as opened:
        yield opened


def found(token: str, **fields: Any) -> dict[str, Any]:
    return {"token": token, "type": "one_stack_key", "url": FILE, "source": "content", **fields}


async def report(world: World, github: GitHub, *reports: dict[str, Any]) -> list[str]:
    """Send a signed report; the labels."""
    raw = json.dumps(list(reports)).encode()
    answer = await world.client_of(None).post(PATH, content=raw, headers=github.signed(raw))
    assert answer.status_code == 200, answer.text
    for given, label in zip(reports, answer.json(), strict=True):
        assert label["token_hash"] == hashlib.sha256(given["token"].encode()).hexdigest()
        assert label["token_type"] == given["type"]
        assert label.keys() == {"token_hash", "token_type", "label"}
        assert given["token"] not in answer.text
    return [label["label"] for label in answer.json()]


async def last(world: World, key_id: str) -> tuple[str, str, dict[str, Any]]:
    """Who did what to a key last, and the detail."""
    row = await world.connection.fetchrow(
        "SELECT actor, action, detail FROM audit WHERE target = $1 ORDER BY id DESC LIMIT 1", key_id
    )
    assert row is not None
    return row["actor"], row["action"], json.loads(row["detail"])


async def test_what_is_reported_is_revoked_at_once_whoevers_it_is(
    world: World, github: GitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tenant = await world.tenant()
    key, secret = await world.issue(tenant=tenant)
    off, hidden = await world.issue()
    await world.client.patch(f"/v1/keys/{off['id']}", json={"disabled": True})
    labels = await report(
        world, github, found(secret), found(mint()), found("tos_nothing"), found(hidden, url=None), found(secret)
    )
    assert labels == ["true_positive", "false_positive", "false_positive", "true_positive", "true_positive"]
    assert await world.decide(secret) == (401, "revoked_key")
    shown = (await world.client.get(f"/v1/keys/{key['id']}")).json()
    assert shown["revoked_reason"] == f"Leaked: reported by GitHub (content) {FILE}"
    assert await last(world, key["id"]) == ("github", "key.revoke", {"reason": shown["revoked_reason"]})
    assert (await world.client.get(f"/v1/keys/{off['id']}")).json()["status"] == "revoked"
    before = await world.stored()
    assert await report(world, github, found(secret)) == ["true_positive"]
    assert await world.stored() == before
    assert await report(world, github) == []
    assert secret not in caplog.text
    assert github.asked == 1


async def test_of_a_rotated_key_only_the_secret_that_leaked_ends(world: World, github: GitHub) -> None:
    key, old = await world.issue()
    new = (await world.client.post(f"/v1/keys/{key['id']}/rotate", json={"overlap_seconds": 3_600})).json()["secret"]
    assert await report(world, github, found(old)) == ["true_positive"]
    assert (await world.decide(old))[0] == 401
    assert await world.decide(new) == (200, "ok")
    actor, action, detail = await last(world, key["id"])
    assert (actor, action, detail["reason"][:6]) == ("github", "key.end_overlap", "Leaked")
    assert await report(world, github, found(old), found(new)) == ["false_positive", "true_positive"]
    assert await world.decide(new) == (401, "revoked_key")


async def test_hostile_words_are_bounded_and_plain(world: World, github: GitHub) -> None:
    key, secret = await world.issue()
    url = f"https://example.com/\x1b[31m\x00\n?q={secret}" + "x" * 3_000
    assert await report(world, github, found(secret, url=url, source="co\tntent")) == ["true_positive"]
    reason = (await world.client.get(f"/v1/keys/{key['id']}")).json()["revoked_reason"]
    assert reason.startswith("Leaked: reported by GitHub (content) https://example.com/[31m?q=(secret)")
    assert len(reason) == 500


async def refusal(world: World, raw: bytes, headers: Any) -> tuple[int, str]:
    """Status and code of a refusal, which changes nothing."""
    before = await world.stored()
    answer = await world.client_of(None).post(PATH, content=raw, headers=headers)
    assert await world.stored() == before
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_what_is_not_signed_is_refused_and_the_list_fetched_rarely(world: World, github: GitHub) -> None:
    _, secret = await world.issue()
    raw = json.dumps([found(secret)]).encode()
    good = github.signed(raw)
    name, signature = "Github-Public-Key-Identifier", "Github-Public-Key-Signature"
    asked = github.asked
    for headers in (
        {},
        {name: good[name]},
        {signature: good[signature]},
        {**good, signature: ""},
        {**good, signature: "%%%"},
        {**good, signature: good[signature][:-8]},
        {**good, signature: github.signed(raw + b" ")[signature]},
        {**good, name: "f" * 64},
        {**good, name: "x" * 5_000},
        github.signed(raw, key=ec.generate_private_key(ec.SECP256R1())),
        [*good.items(), (name, good[name])],
    ):
        assert await refusal(world, raw, headers) == (403, "bad_signature")
    assert await refusal(world, raw[:-1] + b" ]", good) == (403, "bad_signature")
    assert github.asked - asked <= 1
    assert await world.decide(secret) == (200, "ok")
    for bad, code in (
        (b"{}", (422, "invalid_request")),
        (b"[1]", (422, "invalid_request")),
        (b'[{"token": 1, "type": "x"}]', (422, "invalid_request")),
        (b"[", (400, "malformed_json")),
        (b'[{"token": "\\ud800", "type": "x"}]', (400, "malformed_json")),
    ):
        assert await refusal(world, bad, github.signed(bad)) == code
    large = b" " * 1_048_577
    assert await refusal(world, large, github.signed(large)) == (413, "body_too_large")
    got = await world.client_of(None).get(PATH)
    assert (got.status_code, got.headers["allow"]) == (405, "POST")


async def test_keys_that_are_new_are_fetched_and_a_list_that_is_bad_believes_nobody(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = signers.Signers(github.url)
    raw = b"[]"

    async def verdict(headers: dict[str, str]) -> str:
        try:
            key = await known.key(headers["Github-Public-Key-Identifier"])
            signers.verify(key, headers["Github-Public-Key-Signature"], raw)
        except (signers.BadSignature, signers.SigningKeysUnavailable) as error:
            return error.code
        return "ok"

    monkeypatch.setattr(github, "broken", b"nothing")
    assert await verdict(github.signed(raw)) == "signing_keys_unavailable"
    monkeypatch.setattr(github, "broken", None)
    # Not again within the minute.
    assert await verdict(github.signed(raw)) == "signing_keys_unavailable"
    monkeypatch.setattr(signers, "PAUSE_S", 0.0)
    assert await verdict(github.signed(raw)) == "ok"
    old = github.newest
    github.rotate()
    asked = github.asked
    assert await verdict(github.signed(raw)) == await verdict(github.signed(raw, old)) == "ok"
    assert github.asked == asked + 1
    for bad in (b"x" * 300_000, b'{"public_keys": [{"key_identifier": "a", "key": "-----BEGIN"}]}', b"{}"):
        monkeypatch.setattr(github, "broken", bad)
        assert await verdict(github.signed(raw)) == "ok"  # what was known stays known for a day
        monkeypatch.setattr(signers, "KEPT_S", -1.0)
        assert await verdict(github.signed(raw)) == "signing_keys_unavailable"
        monkeypatch.setattr(signers, "KEPT_S", 86_400.0)
    pem = rsa.generate_private_key(65_537, 2_048).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    entry = {"key_identifier": "rsa", "key": text}
    monkeypatch.setattr(github, "broken", json.dumps({"public_keys": [entry]}).encode())
    assert await verdict({**github.signed(raw), "Github-Public-Key-Identifier": "rsa"}) == "bad_signature"
    # One entry that cannot be used does not spoil the others: a curve that is not known here, and no key at all.
    p256 = github.keys[old].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    odd = p256.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030105"))
    lines = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(odd).decode()}\n-----END PUBLIC KEY-----\n"
    with pytest.raises(UnsupportedAlgorithm):
        load_pem_public_key(lines.encode())
    monkeypatch.setattr(github, "broken", None)
    entries = json.loads(github._list())["public_keys"]
    odd_entries = [{"key_identifier": "odd", "key": lines}, {"key_identifier": "none", "key": "x"}]
    monkeypatch.setattr(github, "broken", json.dumps({"public_keys": odd_entries + entries}).encode())
    known = signers.Signers(github.url)
    assert await verdict(github.signed(raw)) == "ok"
    assert await verdict({**github.signed(raw), "Github-Public-Key-Identifier": "odd"}) == "bad_signature"


class Body:
    """A body that arrives when `more` is set; `asked` once somebody wants it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.asked, self.more = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        self.asked.set()
        await self.more.wait()
        return {"type": "http.request", "body": self._raw}


async def send(leaks: Leaks, headers: dict[str, str], body: Body) -> tuple[int, bytes]:
    """Status and body of the answer to a report."""
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await leaks({"method": "POST", "headers": raw, "state": {"request_id": "r"}}, body, keep)
    return sent[0]["status"], sent[1]["body"]


async def test_strangers_bodies_are_not_kept(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(leaks_keys_url=github.url, pepper="70" * 32)
    leaks = Leaks(SimpleNamespace(settings=settings))  # type: ignore[arg-type]
    headers = github.signed(b"[]")
    stranger = Body(b"[]")
    assert (await send(leaks, {**headers, "Github-Public-Key-Identifier": "f" * 64}, stranger))[0] == 403
    assert not stranger.asked.is_set()
    bodies = [Body(b"[]") for _ in range(endpoint.MOST_AT_ONCE)]
    under_way = [asyncio.create_task(send(leaks, headers, body)) for body in bodies]
    for body in bodies:
        await body.asked.wait()
    status, answer = await send(leaks, headers, Body(b"[]"))
    assert (status, json.loads(answer)["code"]) == (503, "busy")
    for body in bodies:
        body.more.set()
    assert await asyncio.gather(*under_way) == [(200, b"[]")] * len(bodies)
    monkeypatch.setattr(endpoint, "BODY_S", 0.01)
    status, answer = await send(leaks, headers, Body(b"[]"))
    assert (status, json.loads(answer)["code"]) == (400, "bad_request")


async def test_a_secret_that_is_just_being_ended_spoils_no_report(
    world: World, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signers, "PAUSE_S", 0.0)  # another test may have rotated GitHub's key lately
    key, old = await world.issue()
    _, other = await world.issue()
    async with world.connection.transaction():
        await world.connection.execute("UPDATE keys SET digest = $2 WHERE id = $1", key["id"], os.urandom(32))
        reporting = asyncio.create_task(report(world, github, found(old), found(other)))
        while not await held_up(world):
            assert not reporting.done(), reporting.result()
            await asyncio.sleep(0.01)
    assert await reporting == ["false_positive", "true_positive"]


async def held_up(world: World) -> bool:
    """Whether somebody waits for what this connection holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    return bool(await world.connection.fetchval(waiting))


async def test_without_the_setting_there_is_no_such_address(demo: World, github: GitHub) -> None:
    raw = b"[]"
    for method in ("POST", "GET"):
        answer = await demo.client.request(method, PATH, content=raw, headers=github.signed(raw))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def revoke(world: World, secret: str, **options: Any) -> httpx.Response:
    return await world.client_of(secret).post(SELF, **options)


async def test_a_holder_revokes_its_own_key_once_and_for_all(world: World, eventually: Eventually) -> None:
    key, secret = await world.issue(scopes=[])
    answer = await revoke(world, secret, json={"reason": " Posted by mistake. "})
    assert (answer.status_code, answer.json()) == (200, {"id": key["id"], "status": "revoked"})
    assert "x-ratelimit-limit" in answer.headers
    assert await world.decide(secret, None) == (401, "revoked_key")
    assert await last(world, key["id"]) == (key["id"], "key.revoke", {"reason": "Posted by mistake."})
    before = await world.stored()
    again = await revoke(world, secret)
    assert (again.status_code, again.json()) == (answer.status_code, answer.json())
    # Whoever wants to know is told by the gates, and not by this one alone.
    waited = (await revoke(world, secret, params={"wait": "confirmed"})).json()
    assert waited["confirmation"]["confirmed"] is True
    assert waited["confirmation"]["revision"] > 0
    assert await world.stored() == before

    async def counted() -> bool:
        usage = (await world.client.get(f"/v1/keys/{key['id']}/usage")).json()
        return bool(usage["total_requests"] == 4 and usage["denied"]["revoked_key"] == 3)

    await eventually(counted)


async def test_a_holder_may_wait_and_needs_no_token(world: World) -> None:
    key, secret = await world.issue()
    for _ in range(101):
        last_code = await world.decide(secret)
    assert last_code == (429, "rate_limited")
    answer = await revoke(world, secret, params={"wait": "confirmed"})
    assert answer.status_code == 200
    assert answer.json()["confirmation"]["confirmed"] is True
    shown = (await world.client.get(f"/v1/keys/{key['id']}")).json()
    assert (shown["status"], shown["revoked_reason"]) == ("revoked", "Revoked by its holder.")


async def test_who_may_not_revoke_that_way(world: World) -> None:
    before_disabled, disabled = await world.issue()
    await world.client.patch(f"/v1/keys/{before_disabled['id']}", json={"disabled": True})
    rotated, old = await world.issue()
    await world.client.post(f"/v1/keys/{rotated['id']}/rotate", json={"overlap_seconds": 0})
    good, secret = await world.issue()
    stored = await world.stored()
    for shown, code in (
        (None, "missing_credentials"),
        ("x", "malformed_key"),
        (mint(), "unknown_key"),
        (disabled, "disabled_key"),
        (old, "expired_key"),
    ):
        answer = await world.client_of(shown).post(SELF)
        assert answer.status_code == 401, answer.text
        assert answer.json()["code"] in {code, "unknown_key"}
    browser = await world.browser()
    stored = await world.stored()
    assert (await browser.post(SELF)).status_code == 401
    for options, status in (
        ({"params": {"wait": "x"}}, 422),
        ({"params": {"id": good["id"]}}, 422),
        ({"json": {"reason": "x" * 501}}, 422),
        ({"json": {"id": good["id"]}}, 422),
        ({"content": b"{"}, 415),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"x" * 70_000}, 413),
    ):
        assert (await revoke(world, secret, **options)).status_code == status, options
    assert (await world.client_of(secret).get(SELF)).status_code == 405
    assert await world.stored() == stored
    assert await world.decide(secret) == (200, "ok")
