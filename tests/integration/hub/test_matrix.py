"""Every page and every call, by everybody: only what the policy lets, generated from the route tables.

A new route fails here until `policy.py` names who may use it. What a route needs besides empty forms and objects is
in `BODIES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import count
from typing import Any, NamedTuple

import httpx
import pytest
from callers import FOREIGN, HOME, OWN, Caller, browser, delivery, everybody, key, operator, webhook
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from policy import OPEN, POLICY, SIGNED_IN, Rule, rule_for
from world import World

from keystile import new_key_id
from keystile.hub.requests import query_names
from keystile.hub.sessions.service import new_operator_id
from keystile.hub.webhooks.service import new_webhook_id

NEW = "(new)"
"""Stands for a word that nothing is called by yet."""
NEW_KEY = "(new key)"
ABSENT = "no-tenant-at-all"
SIGN_IN = "/console/sign-in"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_numbers = count(1)

BODIES: dict[str, Any] = {
    "POST /v1/keys": {"name": "x", "scopes": [], "tenant": OWN},
    "POST /v1/operators": {"email": f"{NEW}@example.com", "role": "viewer", "tenant": OWN},
    "POST /v1/tenants": {"id": NEW, "name": "x"},
    "POST /v1/webhooks": {"url": "https://nobody.invalid/", "events": ["key.created"], "tenant": OWN},
    "PATCH /v1/tenants/{tenant_id}": {"name": NEW},
    "POST /console/sign-in": {"email": "nobody@example.com", "password": "not a password"},
    "POST /console/link/{token}": {"password": "not a password"},
    "POST /console/account": {"old": "not a password", "password": "short"},
    "POST /console/t/{tenant}/keys/new": {"form": NEW_KEY, "name": "x", "scopes": "PSA"},
    "POST /console/t/{tenant}/keys/{key_id}/edit": {"name": "x", "tier": "Standard", "state": "x"},
    "POST /console/t/{tenant}/keys/{key_id}/rotate": {"overlap": "0", "state": "x"},
    "POST /console/t/{tenant}/operators": {"email": f"{NEW}@example.com", "role": "viewer"},
    "POST /console/t/{tenant}/operators/{operator_id}/role": {"role": "admin"},
    "POST /console/t/{tenant}/tenants": {"id": NEW, "name": "x"},
    "POST /console/t/{tenant}/tenants/{other}/rename": {"name": NEW},
}


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    query: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def api(self) -> bool:
        return self.path.startswith("/v1/")

    @property
    def body(self) -> Any:
        return BODIES.get(self.name, {})

    @property
    def of_a_tenant(self) -> bool:
        """Whether a request for it names whose it is."""
        named = {"tenant", "tenant_id", "other", "key_id", "operator_id", "webhook_id"} & set(
            re.findall(r"{(\w+)}", self.path)
        )
        return bool(named) or "tenant" in self.query or "tenant" in self.body


def _tables(app: Any) -> tuple[Litestar, Litestar]:
    """The route tables of API and console, behind their doors."""
    return app._api._api, app._console._pages


def routes(app: Any) -> list[Route]:
    return sorted({route for table in _tables(app) for route in _of(table)})


def _of(table: Litestar) -> Iterator[Route]:
    for route in table.routes:
        if not isinstance(route, HTTPRoute) or not route.path.startswith(("/v1", "/console")):
            continue
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            yield from (
                Route(str(method), route.path_format, query_names(handler))
                for method in handler.http_methods
                if method != "OPTIONS"
            )


async def test_the_policy_names_every_route_and_no_other(world: World) -> None:
    named = {route.name: rule_for(route.method, route.path) for route in routes(world.app)}
    assert [name for name, rule in named.items() if rule is None] == []
    assert [rule for rule in POLICY if rule not in named.values()] == []
    assert BODIES.keys() <= named.keys()


async def _path_of(world: World, route: Route, tenant: str) -> str:
    """The route's path with objects of the tenant in it; of a tenant that is absent, none there is."""
    absent = tenant == ABSENT
    values = {"tenant": tenant, "tenant_id": tenant, "other": tenant, "token": "A" * 43}
    if "{key_id}" in route.path:
        revoked = route.path.endswith("/confirmation")  # which only such a key has
        values["key_id"] = new_key_id() if absent else await key(world, tenant, revoked=revoked)
    if "{operator_id}" in route.path:
        values["operator_id"] = new_operator_id() if absent else await operator(world, tenant)
    if "{webhook_id}" in route.path:
        values["webhook_id"] = new_webhook_id() if absent else await webhook(world, tenant)
        values["delivery_id"] = await delivery(world, values["webhook_id"], tenant)
    return route.path.format(**values)


async def _send(world: World, caller: Caller, route: Route, tenant: str = OWN) -> httpx.Response:
    path = await _path_of(world, route, tenant)
    fresh = f"new-{next(_numbers)}"
    body = {
        name: value.replace(NEW, fresh).replace(NEW_KEY, new_key_id()).replace(OWN, tenant)
        if isinstance(value, str)
        else value
        for name, value in route.body.items()
    }
    more: dict[str, Any] = {"params": {"tenant": tenant}} if "tenant" in route.query else {}
    if route.name in {"POST /v1/usage/outcomes", "POST /v1/keys/import"}:
        more |= {"content": b"", "headers": {"Content-Type": "application/x-ndjson"}}
    elif route.method != "GET" and route.api:
        more |= {"json": body}
    elif route.method != "GET":
        more |= {"content": str(httpx.QueryParams(body)), "headers": _FORM}
    async with await browser(world, caller) as client:
        return await client.request(route.method, path, **more)


def _is_refused(answer: httpx.Response) -> bool:
    """Whether the caller did not come past the door. Who signs out is led to the same page, and loses a cookie."""
    to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith(SIGN_IN)
    return answer.status_code in {401, 403, 404} or (to_sign_in and "set-cookie" not in answer.headers)


def _expected(caller: Caller, rule: Rule, route: Route) -> set[int]:
    """The statuses of a refusal, or none where the caller is let."""
    is_key = caller.secret is not None and not route.api
    if rule.least != OPEN and (caller.tenant is None or is_key):
        return {401} if route.api else {303}
    foreign = caller.tenant == FOREIGN and route.of_a_tenant
    if not caller.is_let(rule, api=route.api):
        return {403, 404} if foreign else {403}
    return {404} if foreign else set()


def _alike(answer: httpx.Response) -> tuple[int, str]:
    """An answer without what is different each time."""
    return answer.status_code, answer.text.replace(answer.headers["x-request-id"], "")


@pytest.fixture(scope="module")
async def callers(world: World) -> list[Caller]:
    return await everybody(world)


async def test_only_what_is_allowed(world: World, callers: list[Caller]) -> None:
    wrong: list[str] = []
    for route in routes(world.app):
        rule = rule_for(route.method, route.path)
        if rule is None or rule.least == OPEN:
            continue
        for caller in callers:
            told = f"{route.name} by {caller.name}"
            expected = _expected(caller, rule, route)
            answer = await _send(world, caller, route)
            refused = _is_refused(answer)
            if (
                answer.status_code >= 500
                or refused != bool(expected)
                or (refused and answer.status_code not in expected)
            ):
                wrong.append(f"{told}: {answer.status_code}, not {expected or 'allowed'}: {answer.text[:200]}")
            if caller.tenant == FOREIGN and OWN in answer.text:
                wrong.append(f"{told}: tells of a tenant that is not theirs")
            if caller.tenant == FOREIGN and refused and route.of_a_tenant:
                absent = await _send(world, caller, route, ABSENT)
                if _alike(absent) != _alike(answer):
                    wrong.append(f"{told}: foreign is not as absent: {answer.status_code}, {absent.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_what_is_refused_changes_nothing(world: World, callers: list[Caller]) -> None:
    changed = []
    for route in routes(world.app):
        rule = rule_for(route.method, route.path)
        if rule is None or rule.least in {OPEN, SIGNED_IN} or route.method == "GET":
            continue
        for caller in callers:
            if not _expected(caller, rule, route):
                continue
            async with await browser(world, caller) as client:
                # One that is absent is made by no helper either, so that nothing but the call could change anything.
                before = await world.stored()
                await _call(client, route, await _path_of(world, route, ABSENT))
                if await world.stored() != before:
                    changed.append(f"{route.name} by {caller.name}")
    assert changed == []


async def _call(client: httpx.AsyncClient, route: Route, path: str) -> None:
    if route.api:
        await client.request(route.method, path, json=route.body)
    else:
        await client.request(route.method, path, content=str(httpx.QueryParams(route.body)), headers=_FORM)


async def test_a_page_offers_only_what_its_reader_may_do(world: World, callers: list[Caller]) -> None:
    known = routes(world.app)
    wrong: list[str] = []
    for route in known:
        rule = rule_for(route.method, route.path)
        if route.method != "GET" or route.api or rule is None or rule.least == OPEN:
            continue
        for caller in callers:
            if caller.secret is not None or caller.tenant is None or _expected(caller, rule, route):
                continue
            answer = await _send(world, caller, route, OWN if caller.tenant == HOME else caller.tenant)
            for method, path in _offers(answer.text, answer.url.path):
                offered = next((one for one in known if one.method == method and _fits(one, path)), None)
                rule_of_it = offered and rule_for(offered.method, offered.path)
                if rule_of_it is None or not caller.is_let(rule_of_it, api=False):
                    wrong.append(f"{route.name} offers {caller.name}: {method} {path}")
    assert not wrong, "\n".join(sorted(set(wrong)))


def _offers(page: str, own: str) -> Iterator[tuple[str, str]]:
    """Where the links and forms of a page lead; a form without an address leads to the page's own."""
    for path in re.findall(r'(?:href|hx-get)="(/console[^"]*)"', page):
        if not path.startswith("/console/static/"):
            yield "GET", unescape(path).partition("?")[0]
    for form in re.findall(r"<form[^>]*>", page):
        method, action = re.search(r'method="(\w+)"', form), re.search(r'action="([^"]*)"', form)
        assert method is not None, form
        yield method[1].upper(), unescape(action[1]).partition("?")[0] if action else own


def _fits(route: Route, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path) is not None
