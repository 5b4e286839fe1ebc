"""docs/reference/http.md: every call of the Hub, from the OpenAPI document that a server gives of itself."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from keystile.hub.app import create_app
from keystile.settings import Settings
from tools.reference.markdown import code, page, table
from tools.reference.schema_words import anchor, link, meaning, type_words

Document = dict[str, Any]
Operation = dict[str, Any]

INTRODUCTION = """\
Every call of the Hub, as its `/openapi.json` describes it. What they are for, with examples, stands in
[the API](../api.md#the-http-api). Refusals are [Problem](#schema-Problem); their codes are named with each status.
Clients must pass over fields that they do not know ([compatibility](../compatibility.md))."""

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_PROBLEM = "Problem: "


def http_page() -> str:
    """The page."""
    return page("HTTP reference", INTRODUCTION, _parts(asyncio.run(describe())))


async def describe() -> Document:
    """The document. The description needs no database: the server is asked without being started."""
    with tempfile.TemporaryDirectory() as folder:
        url = "postgresql://nobody@127.0.0.1:1/none"
        app = create_app(Settings(data=Path(folder), database_url=url, pepper="00" * 32))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            document: Document = (await client.get("/openapi.json")).raise_for_status().json()
    return document


def _parts(document: Document) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"## {tag['name']}"
        for path in sorted(document["paths"]):
            for method, operation in _operations(document["paths"][path]):
                if operation["tags"][0] == tag["name"]:
                    yield from _operation(method, path, operation)
    yield "## Schemas"
    for name in sorted(document["components"]["schemas"]):
        yield from _schema(name, document["components"]["schemas"][name])


def _operations(item: dict[str, Operation]) -> Iterator[tuple[str, Operation]]:
    """The calls of a path; where every method does the same, they are one."""
    present = [method for method in _METHODS if method in item]
    same = len(present) > 2 and len({item[method]["summary"] for method in present}) == 1
    for method in present[: 1 if same else None]:
        yield "ANY" if same else method.upper(), item[method]


def _operation(method: str, path: str, operation: Operation) -> Iterator[str]:
    yield f"### {method} {path}"
    key = "" if operation.get("security") != [] else " Needs no key."
    yield f"**{operation['summary']}** \\\n{operation.get('description', '')}{key}".strip("\\\n ")
    yield table(("parameter", "in", "type", "meaning"), (_parameter(one) for one in operation.get("parameters", ())))
    if "requestBody" in operation:
        yield _body(operation["requestBody"])
    responses = operation["responses"]
    yield table(("status", "meaning", "body"), (_answer(status, responses[status]) for status in sorted(responses)))
    headers = {name: one for answer in responses.values() for name, one in answer.get("headers", {}).items()}
    yield table(("header", "meaning"), ((code(name), headers[name]["description"]) for name in sorted(headers)))


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str, str]:
    place = parameter["in"] + (", required" if parameter.get("required") else "")
    return code(parameter["name"]), place, type_words(parameter["schema"]), parameter.get("description", "")


def _body(body: dict[str, Any]) -> str:
    kinds = ", ".join(f"{code(media)}: {type_words(entry['schema'])}" for media, entry in body["content"].items())
    return f"Body{'' if body.get('required', True) else ' (may be left out)'}: {kinds}"


def _answer(status: str, answer: dict[str, Any]) -> tuple[str, str, str]:
    told = answer["description"]
    if told.startswith(_PROBLEM):
        codes = told.removeprefix(_PROBLEM).removesuffix(".").split(", ")
        return status, ", ".join(code(one) for one in codes if one), link("Problem")
    kinds = (f"{code(media)}: {type_words(entry['schema'])}" for media, entry in answer.get("content", {}).items())
    return status, told, "; ".join(kinds)


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<a id="{anchor(name)}"></a>\n### {name}'
    yield schema.get("description", "")
    needed = set(schema.get("required", ()))
    yield table(
        ("field", "", "type", "meaning"),
        (
            (code(field), "required" if field in needed else "", type_words(entry), meaning(entry))
            for field, entry in schema.get("properties", {}).items()
        ),
    )
