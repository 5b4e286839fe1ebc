"""Signing in and out: who gets a session, who does not, and when it is over."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import httpx
import pytest
from world import PASSWORD, World

from keystile.hub.sessions import tokens
from keystile.hub.sessions.service import first_link
from keystile.store import sessions

SIGN_IN = "/console/sign-in"


async def _add(world: World, email: str, role: str = "admin") -> tuple[str, str]:
    """An operator's id and the path of the link."""
    answer = await world.client.post("/v1/operators", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()["operator"]["id"], answer.json()["path"]


async def _sign_in(browser: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await browser.post(SIGN_IN, data={"email": email, "password": password})


async def _is_signed_in(browser: httpx.AsyncClient) -> bool:
    answer = await browser.get("/v1/keys")
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


async def test_a_link_leads_to_a_password_and_that_to_a_session(world: World) -> None:
    _, path = await _add(world, "Ada@Example.com ")
    first = world.visitor()
    assert "ada@example.com" in (await first.get(path)).text
    assert not await _is_signed_in(first)
    answer = await first.post(path, data={"password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert await _is_signed_in(first)

    second = world.visitor()
    answer = await _sign_in(second, " ADA@example.com")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert await _is_signed_in(second)


async def test_the_cookie_is_for_this_host_and_no_script(world: World) -> None:
    _, path = await _add(world, "cookie@example.com")
    answer = await world.visitor().post(path, data={"password": PASSWORD})
    session, device = answer.headers.get_list("set-cookie")
    assert session.startswith("keystile-session=")
    assert device.startswith("keystile-device=")
    for cookie in (session, device):
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("how", ["used twice", "late", "replaced", "of one who is disabled", "made up"])
async def test_a_link_that_is_no_good(world: World, how: str) -> None:
    operator, path = await _add(world, f"{how.replace(' ', '-')}@example.com")
    if how == "used twice":
        assert (await world.visitor().post(path, data={"password": PASSWORD})).status_code == 303
    elif how == "late":
        await world.connection.execute("UPDATE operator_links SET expires_at = now() WHERE operator_id = $1", operator)
    elif how == "replaced":
        assert (await world.client.post(f"/v1/operators/{operator}/link")).status_code == 201
    elif how == "of one who is disabled":
        await world.client.patch(f"/v1/operators/{operator}", json={"disabled": True})
    else:
        path = path[:-4] + "AAAA"
    before = await world.stored()
    assert (await world.visitor().get(path)).status_code == 404
    assert (await world.visitor().post(path, data={"password": PASSWORD})).status_code == 404
    assert await world.stored() == before


async def test_a_link_used_twice_at_once(world: World) -> None:
    _, path = await _add(world, "at-once@example.com")
    answers = await asyncio.gather(*(world.visitor().post(path, data={"password": PASSWORD}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [303, *[404] * 5]


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "weak-password@example.com", "with\x07a bell in it", "x" * 257]
)
async def test_a_password_that_is_refused_uses_no_link_up(world: World, password: str) -> None:
    _, path = await _add(world, f"weak-password{len(password)}@example.com")
    refused = "weak-password25@example.com" if "@" in password else password
    answer = await world.visitor().post(path, data={"password": refused})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert refused not in answer.text.replace("weak-password25@example.com", "", 2)
    assert (await world.visitor().post(path, data={"password": PASSWORD})).status_code == 303


async def test_absent_and_wrong_get_the_same_page(world: World) -> None:
    _, path = await _add(world, "known@example.com")
    await world.visitor().post(path, data={"password": PASSWORD})
    wrong = await _sign_in(world.visitor(), "known@example.com", "not the password at all")
    absent = await _sign_in(world.visitor(), "nobody@example.com", "not the password at all")
    assert wrong.status_code == absent.status_code == 422
    assert wrong.text.replace("known@", "nobody@") == absent.text
    assert "set-cookie" not in wrong.headers


async def test_guesses_are_slowed_down_and_the_owner_is_not_locked_out(world: World) -> None:
    _, path = await _add(world, "victim@example.com")
    owner = world.visitor()
    await owner.post(path, data={"password": PASSWORD})
    stranger = world.visitor()
    answers = [await _sign_in(stranger, "victim@example.com", f"guess number {n} of many") for n in range(6)]
    assert [answer.status_code for answer in answers] == [*[422] * 5, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    # The right password does not help a stranger past the wait, or each guess would tell.
    assert (await _sign_in(stranger, "victim@example.com")).status_code == 429
    assert (await _sign_in(owner, "victim@example.com")).status_code == 303
    # A device cookie is good for one operator only.
    assert (await _sign_in(owner, "victim@example.com", "wrong again and again")).status_code == 422


async def test_one_client_guesses_slowly_whatever_addresses_it_tries(world: World) -> None:
    transport = httpx.ASGITransport(app=world.app, client=("203.0.113.9", 1))
    headers = {"Sec-Fetch-Site": "same-origin"}
    started = time.monotonic()
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client:
        tries = (_sign_in(client, f"guess-{number}@example.com", "a wrong password") for number in range(40))
        answers = await asyncio.gather(*tries)
    looked_at = sum(answer.status_code == 422 for answer in answers)
    assert 20 <= looked_at <= 20 + (time.monotonic() - started) / 6
    assert {answer.status_code for answer in answers} == {422, 429}
    assert (await _sign_in(world.visitor(), "guess-1@example.com", "a wrong password")).status_code == 422


async def test_the_buckets_are_forgotten_when_they_are_full(world: World) -> None:
    await _sign_in(world.visitor(), "forgotten@example.com", "a wrong password")
    await world.connection.execute("UPDATE sign_in_buckets SET tat = now() - interval '1 s'")
    await _sign_in(world.visitor(), "another@example.com", "a wrong password")
    assert await world.connection.fetchval("SELECT count(*) FROM sign_in_buckets") == 2


@pytest.mark.parametrize("how", ["signed out", "signed out elsewhere", "new password", "disabled", "late"])
async def test_a_session_is_over_at_once(world: World, how: str) -> None:
    browser = await world.browser("viewer")
    operator = browser.headers["X-Test-Operator"]
    email = (await world.client.get(f"/v1/operators/{operator}")).json()["email"]
    other = world.visitor()
    assert (await _sign_in(other, email)).status_code == 303
    assert await _is_signed_in(browser)
    kept = dict(browser.cookies)
    if how == "signed out":
        assert (await browser.post("/console/sign-out")).headers["location"] == SIGN_IN
        assert "keystile-session" not in browser.cookies
    elif how == "signed out elsewhere":
        assert (await other.post("/console/sign-out-everywhere")).status_code == 303
    elif how == "new password":
        change = {"old": PASSWORD, "password": "another long password"}
        assert (await other.post("/console/account", data=change)).status_code == 303
        assert await _is_signed_in(other)
        assert (await _sign_in(other, email)).status_code == 422
    elif how == "disabled":
        await world.client.patch(f"/v1/operators/{operator}", json={"disabled": True})
        assert (await _sign_in(other, email)).status_code == 422
    else:
        await world.connection.execute("UPDATE operator_sessions SET expires_at = now()")
    again = world.visitor()
    again.cookies.update(kept)
    assert not await _is_signed_in(again)
    page = await again.get("/console/account")
    assert (page.status_code, page.headers["location"]) == (303, f"{SIGN_IN}?next=/console/account")


async def test_a_wrong_present_password_changes_nothing(world: World) -> None:
    browser = await world.browser("viewer")
    before = await world.stored()
    answer = await browser.post("/console/account", data={"old": "not that one", "password": "another long password"})
    assert answer.status_code == 422
    assert await world.stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://hub"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://hub:8080"},
        {"Origin": "http://hub.evil.example"},
        {"Origin": "null"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/console/sign-out", "/v1/keys", SIGN_IN])
async def test_what_another_site_sends_changes_nothing(world: World, path: str, headers: dict[str, str]) -> None:
    browser = await world.browser("admin")
    before = await world.stored()
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as forger:
        forger.cookies.update(browser.cookies)
        answer = await forger.post(path, json={"name": "forged", "scopes": []})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert await world.stored() == before


async def test_origin_decides_where_browsers_leave_the_other_out(world: World) -> None:
    browser = await world.browser("admin")
    del browser.headers["Sec-Fetch-Site"]
    answer = await browser.post("/v1/keys", json={"name": "ours", "scopes": []}, headers={"Origin": "http://hub"})
    assert answer.status_code == 201


async def test_text_is_no_json_even_with_a_session(world: World) -> None:
    browser = await world.browser("admin")
    answer = await browser.post(
        "/v1/keys", content=b'{"name": "x", "scopes": []}', headers={"Content-Type": "text/plain"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_key_wins_over_a_session(world: World) -> None:
    browser = await world.browser("owner")
    answer = await browser.get("/v1/keys", headers={"Authorization": "Bearer tos_0000000000000000000000105PGE"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_key")


async def test_over_https_the_cookie_is_the_hosts_own(world: World) -> None:
    _, path = await _add(world, "https@example.com")
    transport = httpx.ASGITransport(app=world.app)
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(transport=transport, base_url="https://hub", headers=headers) as browser:
        answer = await browser.post(path, data={"password": PASSWORD})
        assert all(
            cookie.startswith("__Host-keystile-") and "Secure" in cookie
            for cookie in answer.headers.get_list("set-cookie")
        )
        assert await _is_signed_in(browser)
        # The name without the prefix could have been set by another host of the same domain.
        bare = httpx.Cookies({"keystile-session": browser.cookies["__Host-keystile-session"]})
        browser.cookies = bare
        assert not await _is_signed_in(browser)


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/console/../v1", "/v1/keys", "javascript:1"]
)
async def test_signing_in_leads_nowhere_else(world: World, target: str) -> None:
    browser = await world.browser("viewer")
    answer = await browser.get(SIGN_IN, params={"next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def test_the_first_owner_comes_by_the_first_link(demo: World) -> None:
    """`demo` is a world in which there is no operator yet."""
    replaced, token = await first_link(demo.connection), await first_link(demo.connection)
    lasting = await demo.connection.fetchval("SELECT max(expires_at) - now() FROM operator_links")
    assert timedelta(minutes=14) < lasting <= timedelta(minutes=15)
    owner = demo.visitor()
    form = {"email": "First@Example.com", "password": PASSWORD}
    assert (await owner.post(f"/console/link/{replaced}", data=form)).status_code == 404
    assert (await owner.post(f"/console/link/{token}", data={**form, "email": "none"})).status_code == 422
    assert (await owner.post(f"/console/link/{token}", data=form)).status_code == 303
    (operator,) = (await owner.get("/v1/operators")).json()["items"]
    assert (operator["email"], operator["role"], operator["tenant"]) == ("first@example.com", "owner", "home")
    assert await first_link(demo.connection) is None


async def test_a_first_link_is_no_good_once_there_is_somebody(world: World) -> None:
    await world.browser("viewer")
    digest = tokens.digest(token := tokens.new())
    assert digest is not None
    await sessions.make_link(world.connection, digest, None, 60.0)
    form = {"email": "second@example.com", "password": PASSWORD}
    assert (await world.visitor().get(f"/console/link/{token}")).status_code == 404
    assert (await world.visitor().post(f"/console/link/{token}", data=form)).status_code == 404


async def test_no_token_or_password_is_kept_or_told(world: World) -> None:
    _, path = await _add(world, "told@example.com")
    browser = world.visitor()
    await browser.post(path, data={"password": PASSWORD})
    secrets = [path.rpartition("/")[2], browser.cookies["keystile-session"], PASSWORD]
    for table in ("operators", "operator_links", "operator_sessions", "audit", "sign_in_buckets"):
        for record in await world.connection.fetch(f"SELECT t::text AS line FROM {table} t"):
            assert not [secret for secret in secrets if secret in record["line"]]
