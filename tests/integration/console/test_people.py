"""The pages about operators, tenants, tiers and the audit trail: what they show to whom, and what forms get."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from html import unescape

import httpx
import pytest
from litestar.exceptions import LitestarException

from tests.integration.hub.world import PASSWORD, World

HOME = "/console/t/home"
OPERATORS, TENANTS, AUDIT = f"{HOME}/operators", f"{HOME}/tenants", f"{HOME}/audit"


def _rows(page: httpx.Response) -> list[str]:
    """The text of each row of a page's table."""
    assert page.status_code == 200, page.text
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in body.split("</tr>")[:-1]]


async def test_a_link_is_shown_once_and_leads_in(world: World) -> None:
    owner = await world.browser("owner")
    answer = await owner.post(OPERATORS, data={"email": " Eve@Example.com", "role": "viewer"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    (url,) = re.findall(r"http://hub(/console/link/[\w-]{43})", answer.text)
    assert "15 minutes" in answer.text
    assert url not in (await owner.get(OPERATORS)).text
    assert [row for row in _rows(await owner.get(OPERATORS)) if "eve@example.com Viewer Invited Never" in row]
    visitor = world.visitor()
    assert (await visitor.post(url, data={"password": PASSWORD})).status_code == 303
    assert [row for row in _rows(await owner.get(OPERATORS)) if "eve@example.com Viewer Active just now" in row]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"email": "no address", "role": "viewer"}, "This is not an e-mail address."),
        ({"email": "x@example.com"}, "Choose one of these."),
        ({"email": "x@example.com", "role": "king"}, "Choose one of these."),
        ({"email": "TAKEN@example.com", "role": "viewer"}, "Somebody signs in with that address already."),
    ],
)
async def test_a_refused_operator_comes_back_with_what_is_wrong(
    world: World, form: dict[str, str], sentence: str
) -> None:
    owner = await world.browser("owner")
    await world.client.post("/v1/operators", json={"email": "taken@example.com", "role": "viewer"})
    before = await world.stored()
    answer = await owner.post(OPERATORS, data=form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{form["email"]}"' in answer.text
    assert await world.stored() == before


async def test_an_operator_is_changed_and_the_trail_says_it_in_words(world: World) -> None:
    owner, admin = await world.browser("owner"), await world.browser("admin")
    path = f"{OPERATORS}/{admin.headers['X-Test-Operator']}"
    for call, form, word in (
        ("role", {"role": "viewer"}, "role"),
        ("disable", {}, "disabled"),
        ("enable", {}, "enabled"),
    ):
        answer = await owner.post(
            f"{path}/{call}", data=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done={word}")
        assert 'class="alert alert-success"' in (await owner.get(answer.headers["location"])).text
    assert (await admin.get(AUDIT)).status_code == 303
    shown = _rows(
        await owner.get(AUDIT, params={"target": admin.headers["X-Test-Operator"], "action": "operator.update"})
    )
    assert [row.partition("@example.com")[2].rpartition("@example.com ")[2] for row in shown] == [
        "disabled yes → no",
        "disabled no → yes",
        "role admin → viewer",
    ]


async def test_the_last_owner_is_told_so(world: World) -> None:
    tenant = await world.tenant()
    owner = await world.browser("owner", tenant)
    path = f"/console/t/{tenant}/operators/{owner.headers['X-Test-Operator']}"
    for call, form in (("role", {"role": "viewer"}), ("disable", {"": ""})):
        answer = await owner.post(f"{path}/{call}", data=form)
        assert (answer.status_code, "keeps at least one owner" in answer.text) == (422, True), answer.text
    assert (await owner.get(path)).status_code == 200


async def test_an_operator_stands_under_their_own_tenant_only(world: World) -> None:
    owner = await world.browser("owner")
    tenant = await world.tenant()
    other = await world.browser("viewer", tenant)
    operator = other.headers["X-Test-Operator"]
    assert (await owner.get(f"/console/t/{tenant}/operators/{operator}")).status_code == 200
    assert (await owner.get(f"{OPERATORS}/{operator}")).status_code == 404
    assert (await owner.post(f"{OPERATORS}/{operator}/role", data={"role": "owner"})).status_code == 404


async def test_tenants_are_found_added_renamed_and_opened(world: World) -> None:
    admin = await world.browser("admin")
    answer = await admin.post(TENANTS, data={"id": "blue-moon", "name": "<b>Blue</b> Moon"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{TENANTS}?done=added")
    (row,) = _rows(await admin.get(TENANTS, params={"q": "BLUE-"}))
    assert row.startswith("<b>Blue</b> Moon blue-moon")
    assert _rows(await admin.get(TENANTS, params={"q": "e</b> m"})) == [row]
    assert (await admin.get("/console/t/blue-moon/tiers")).status_code == 200
    answer = await admin.post(f"{TENANTS}/blue-moon/rename", data={"name": "Red Moon"})
    assert answer.status_code == 303
    assert _rows(await admin.get(TENANTS, params={"q": "red"}))[0].startswith("Red Moon blue-moon")
    assert "No tenant matches" in (await admin.get(TENANTS, params={"q": "nothing like it"})).text


@pytest.mark.parametrize("form", [{"id": "No", "name": "x"}, {"id": "x", "name": " "}, {"id": "home", "name": "x"}])
async def test_a_refused_tenant_comes_back_with_what_is_wrong(world: World, form: dict[str, str]) -> None:
    admin = await world.browser("admin")
    before = await world.stored()
    answer = await admin.post(TENANTS, data=form)
    assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
    assert await world.stored() == before


async def test_tenants_are_paged(world: World) -> None:
    viewer = await world.browser("viewer")
    await world.connection.execute(
        "INSERT INTO tenants (id, name) SELECT 'page-' || to_char(n, 'FM000'), 'Paged' FROM generate_series(1, 120) n"
    )
    seen: list[str] = []
    url = f"{TENANTS}?q=paged"
    while url:
        page = await viewer.get(url)
        seen += re.findall(r"<code>(page-\d+)</code>", page.text)
        following = re.search(r'href="([^"]*)"[^>]*>Next page', page.text)
        url = unescape(following[1]) if following else ""
    assert seen == [f"page-{n:03}" for n in range(1, 121)]


async def test_tiers_and_scopes_with_their_keys(world: World) -> None:
    tenant = await world.tenant()
    viewer = await world.browser("viewer", tenant)
    await world.issue(tenant=tenant, scopes=["PSA", "CRM"], tier="Professional")
    await world.issue(tenant=tenant, scopes=["PSA"], tier="Professional")
    revoked, _ = await world.issue(tenant=tenant, scopes=["PSA"])
    await world.client.post(f"/v1/keys/{revoked['id']}/revoke")
    page = await viewer.get(f"/console/t/{tenant}/tiers")
    assert _rows(page) == ["Standard 60 100 0", "Professional 300 500 2", "Enterprise 1,000 2,000 0"]
    scopes = page.text.partition("</tbody>")[2]
    assert re.search(r"PSA</strong></th><td>.*?</td><td class=\"figure\">2</td>", scopes)
    assert re.search(r"CRM</strong></th><td>.*?</td><td class=\"figure\">1</td>", scopes)
    assert "KEYSTILE_TIERS" in page.text


async def test_the_trail_names_people_and_keys(world: World) -> None:
    tenant = await world.tenant()
    owner = await world.browser("owner", tenant)
    key = (await owner.post("/v1/keys", json={"name": "<i>till</i>", "scopes": []})).json()["key"]
    path = f"/console/t/{tenant}/audit"
    (row,) = _rows(await owner.get(path, params={"target": key["id"]}))
    assert "@example.com Key created <i>till</i>" in row
    assert "expires at none" in row
    assert "Operator Tenant added" in _rows(await owner.get(path, params={"action": "tenant.create"}))[0]


async def test_the_days_of_the_trail_are_whole(world: World) -> None:
    viewer = await world.browser("viewer")
    for day, name in (
        ("2001-05-06 23:59:59.999", "before"),
        ("2001-05-07", "first"),
        ("2001-05-07 23:59:59.999", "last"),
    ):
        await world.connection.execute(
            "INSERT INTO audit (at, actor, tenant, action, target)"
            " VALUES ($1::text::timestamptz, 'agent', 'home', 'key.revoke', $2)",
            f"{day}+00",
            name,
        )
    asked = {"since": "2001-05-07", "until": "2001-05-07", "action": "", "actor": "", "target": ""}
    rows = _rows(await viewer.get(AUDIT, params=asked))
    assert [row.split()[-1] for row in rows] == ["last", "first"]
    assert all("Agent Key revoked" in row for row in rows)
    table = await viewer.get(f"{AUDIT}/csv", params=asked)
    assert table.headers["content-disposition"] == 'attachment; filename="keystile-audit.csv"'
    assert [line["target"] for line in csv.DictReader(io.StringIO(table.text))] == ["last", "first"]


@pytest.mark.parametrize("day", ["today", "2001-13-01", "9999-12-31", "2001-05-07T00:00:00Z"])
@pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}/csv"])
async def test_what_is_no_day(world: World, path: str, day: str) -> None:
    viewer = await world.browser("viewer")
    assert (await viewer.get(path, params={"until": day})).status_code == 422


async def test_the_trail_is_paged_with_its_filters(world: World) -> None:
    viewer = await world.browser("viewer")
    await world.connection.execute(
        "INSERT INTO audit (actor, tenant, action, target)"
        " SELECT 'demo', 'home', 'key.update', 'number-' || n FROM generate_series(1, 120) n"
    )
    seen: list[str] = []
    url = f"{AUDIT}?actor=demo"
    while url:
        page = await viewer.get(url)
        seen += [row.split()[-1] for row in _rows(page)]
        following = re.search(r'href="([^"]*)"[^>]*>Next page', page.text)
        url = unescape(following[1]) if following else ""
    assert seen == [f"number-{n}" for n in range(120, 0, -1)]


async def test_a_session_that_ends_gets_no_further_page_of_the_file(world: World) -> None:
    """The answer has begun by then: it is cut off, which every client notices."""
    viewer = await world.browser("viewer")
    await world.connection.execute(
        "INSERT INTO audit (actor, tenant, action, target)"
        " SELECT 'demo', 'home', 'key.update', 'cut-' || n FROM generate_series(1, 1200) n"
    )
    sent: list[bytes] = []

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        sent.append(body)
        if body:
            await world.connection.execute("DELETE FROM operator_sessions")

    cookie = f"keystile-session={viewer.cookies['keystile-session']}".encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{AUDIT}/csv",
        "raw_path": f"{AUDIT}/csv".encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", b"hub"), (b"cookie", cookie)],
        "client": ("127.0.0.1", 1),
        "server": ("hub", 80),
        "extensions": {},
        "state": {},
    }
    hung_up = asyncio.Event()

    async def receive() -> dict[str, object]:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        await hung_up.wait()
        return {"type": "http.disconnect"}

    with pytest.raises(LitestarException, match="after response started"):
        await world.app(scope, receive, send)
    lines = b"".join(sent).decode().splitlines()
    assert 0 < len(lines) < 1_000
