"""Asks for every answer that the document promises, and holds each answer to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import httpx
import schemathesis
from github import GitHub
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from world import World

from keystile import mint
from tests.contract.ways import BODIES, CONFLICTS, OBJECTS, Ask

CONFORMANCE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_MORE_THAN_ANY_LIMIT = "1000000000000"
REPORTS, SELF_REVOKE = "POST /v1/leaks", "POST /v1/keys/self/revoke"
_WHERE = "tests/contract/ways.py says how to get each answer of a call"
Headers = list[tuple[str, str]]

ATTEMPTS = 20
"""Failed ones that an address may make; more than one, since a gate takes some addresses together."""

_numbers = count(1)


class Operation(NamedTuple):
    """One method of one path, as the document has it."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def answers(self) -> Iterator[tuple[int, str | None]]:
        """Status and media type of each answer; None for one without content."""
        for status, answer in self.said["responses"].items():
            for media in answer.get("content") or [None]:
                yield int(status), media


def operations_of(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, said)
        for path, item in document["paths"].items()
        for method, said in item.items()
    ]


class Secrets(NamedTuple):
    """Of the operator, of a key that holds no scope, and of one that has no token left."""

    operator: str
    scopeless: str
    exhausted: str


class Others(NamedTuple):
    """Clients of other Hubs on the same database: one with nothing that it needs, and one that takes no reports."""

    without_gate: httpx.AsyncClient
    without_reports: httpx.AsyncClient


class Answers:
    """One Hub with all that it needs, and others beside it."""

    def __init__(
        self, world: World, others: Others, secrets: Secrets, github: GitHub, document: dict[str, Any]
    ) -> None:
        self._world = world
        self._client = world.client_of(None)
        self._others = others
        self._github = github
        self._secrets = secrets
        self._document = document
        self._schema = schemathesis.openapi.from_dict(document)
        load_all_checks()
        self._checks = CHECKS.get_by_names(CONFORMANCE)

    async def complaints(self) -> list[str]:
        """All that is promised and cannot be had, and all that can be had and is not promised."""
        found = []
        for operation in operations_of(self._document):
            for status, media in operation.answers:
                try:
                    await self._hold(operation, status, media)
                except (AssertionError, FailureGroup, LookupError) as error:
                    found.append(f"{operation.name}, {status} as {media}: {error or type(error).__name__}; {_WHERE}")
        return found

    async def _hold(self, operation: Operation, status: int, media: str | None) -> None:
        answer, path = await self._ask(operation, status, [("accept", media)] if media else [])
        seen = answer.headers.get("content-type", "").partition(";")[0] or None
        assert (answer.status_code, seen) == (status, media), f"it is {answer.status_code} as {seen}: {answer.text}"
        case = self._schema[operation.path][operation.method].Case(path_parameters=path)
        case.validate_response(answer, checks=self._checks)

    async def _ask(self, operation: Operation, status: int, headers: Headers) -> tuple[httpx.Response, dict[str, str]]:  # noqa: PLR0912  one case for each status
        """The answer to a request that is right, but for what leads there; and the parameters of its path."""
        ask = await self._right(operation)
        secured = operation.said.get("security", self._document["security"]) != []
        shown: list[str] = [await self._caller(operation)] if secured else []
        client, content, media = self._client, *_body_of(operation, ask)
        reports = operation.name == REPORTS
        match status:
            case 400 if secured:
                shown *= 2
            case 400:
                content = b"{"
            case 401:
                shown = []
            case 403:
                shown = [self._secrets.scopeless]
            case 404 if reports:
                client = self._others.without_reports
            case 404:
                ask = self._absent(operation, ask)
                content, media = _body_of(operation, ask)
            case 409:
                different = await CONFLICTS[operation.name](self._world)
                ask = different if different.body is not None else different._replace(body=ask.body)
                content, media = _body_of(operation, ask)
            case 413:
                headers = [*headers, ("content-length", _MORE_THAN_ANY_LIMIT)]
            case 415:
                media = "text/plain"
            case 422 if not secured:
                content = b"0"
            case 422:
                ask = ask._replace(query="no-such-parameter=1")
            case 429 if operation.name == SELF_REVOKE:
                # What a key may do does not matter there, only how often somebody without one has asked.
                headers = [*headers, ("x-forwarded-for", "192.0.2.1")]
                shown = [mint()]
                for _ in range(ATTEMPTS):
                    await client.post(operation.path, headers=[*headers, ("authorization", "Bearer x")])
            case 429:
                shown = [self._secrets.exhausted]
            case 503:
                client = self._others.without_gate
        if reports and status != 403:
            headers += self._github.signed(content or b"").items()
            media = None
        if "x-forwarded-for" not in dict(headers):
            # Each from an address of its own: none has used up its failed attempts.
            headers = [*headers, ("x-forwarded-for", f"2001:db8:0:{next(_numbers):x}::1")]
        headers += [("authorization", f"Bearer {secret}") for secret in shown]
        headers += [] if media is None else [("content-type", media)]
        path = operation.path.format(**ask.path)
        url = f"{path}?{ask.query}" if ask.query else path
        return await client.request(operation.method, url, content=content, headers=headers), ask.path

    async def _caller(self, operation: Operation) -> str:
        """The operator's secret, or for the call that ends its own key one that nothing else needs."""
        return (await self._world.issue())[1] if operation.name == SELF_REVOKE else self._secrets.operator

    async def _right(self, operation: Operation) -> Ask:
        path: dict[str, str] = {}
        for name in (one["name"] for one in operation.said.get("parameters", ()) if one["in"] == "path"):
            path[name] = await OBJECTS[name][0](self._world, path)
        body = BODIES[operation.name] if "requestBody" in operation.said else None
        return Ask(path, await body(self._world) if callable(body) else body)

    @staticmethod
    def _absent(operation: Operation, ask: Ask) -> Ask:
        """The same for an object that there is not, or for a tenant."""
        if ask.path:
            return ask._replace(path={name: OBJECTS[name][1]() for name in ask.path})
        if any(one["name"] == "tenant" for one in operation.said["parameters"]):
            return ask._replace(query="tenant=no-such-tenant")
        return ask._replace(body={**(ask.body or {}), "tenant": "no-such-tenant"})


def _body_of(operation: Operation, ask: Ask) -> tuple[bytes | None, str | None]:
    if "requestBody" not in operation.said:
        return None, None
    return json.dumps(ask.body).encode(), next(iter(operation.said["requestBody"]["content"]))
