"""The description as one HTML page, drawn here: no scripts, nothing from other hosts, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Any

STYLE = files(__package__).joinpath("docs_page.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SUCCESS = "2"
_LONGEST_PATTERN = 60
"""Nobody reads a longer one; the description says it in words."""


def render(document: dict[str, Any]) -> str:
    """The whole page for an OpenAPI document."""
    title = escape(document["info"]["title"])
    groups = _grouped(document)
    return "".join(
        (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title} API</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body><main>",
            f"<h1>{title} API <small>{escape(document['info']['version'])}</small></h1>",
            f"<p>{escape(document['info'].get('description', ''))} ",
            'Machine-readable: <a href="/openapi.json">openapi.json</a>. Errors are problem details ',
            '(RFC 9457), listed under <a href="#schema-Problem">Problem</a>.</p>',
            f"<nav><ul>{_contents(groups)}</ul></nav>",
            *(_group(tag, calls) for tag, calls in groups.items()),
            '<section><h2 id="schemas">Schemas</h2>',
            *(_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())),
            "</section></main></body></html>\n",
        )
    )


Call = tuple[str, str, dict[str, Any]]


def _grouped(document: dict[str, Any]) -> dict[str, list[Call]]:
    """Calls by tag; the methods of one path that do the same appear once, as "ANY"."""
    groups: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        summaries = {operation["summary"] for operation in item.values()}
        same = len(item) > 2 and len(summaries) == 1
        for method, operation in list(item.items())[: 1 if same else None]:
            groups[operation["tags"][0]].append(("ANY" if same else method.upper(), path, operation))
    return groups


def _contents(groups: dict[str, list[Call]]) -> str:
    entries = [*groups, "schemas"]
    links = (f'<a href="#{escape(_anchor(tag))}">{escape(tag.capitalize())}</a>' for tag in entries)
    return "".join(f"<li>{link}</li>" for link in links)


def _anchor(tag: str) -> str:
    return tag if tag == "schemas" else f"tag-{tag}"


def _group(tag: str, calls: list[Call]) -> str:
    return (
        f'<section><h2 id="{escape(_anchor(tag))}">{escape(tag)}</h2>'
        + "".join(_call(*call) for call in calls)
        + "</section>"
    )


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    key = "no key needed" if operation.get("security") == [] else "with a key"
    return "".join(
        (
            f'<article id="{escape(operation["operationId"])}"><h3>',
            f"<code><b>{escape(method)}</b> {escape(path)}</code> <span>{escape(operation['summary'])}</span></h3>",
            f"<p>{escape(operation.get('description', ''))} <i>({key})</i></p>",
            _parameters(operation.get("parameters", [])),
            _body(operation.get("requestBody")),
            _responses(operation["responses"]),
            "</article>",
        )
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            escape(parameter["in"]) + (", required" if parameter.get("required") else ""),
            _type(parameter["schema"]),
            escape(parameter.get("description", "")),
        )
        for parameter in parameters
    ]
    return _table("Parameters", ("Name", "Where", "Type", "Meaning"), rows)


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    needed = "" if body.get("required", True) else ", optional"
    media = ", ".join(f"{escape(name)}: {_type(entry['schema'])}" for name, entry in body["content"].items())
    return f"<p><b>Body</b>{needed}: {media}</p>"


def _responses(responses: dict[str, Any]) -> str:
    rows = []
    for status, answer in sorted(responses.items()):
        content = answer.get("content", {})
        kinds = "<br>".join(f"{escape(name)}: {_type(entry['schema'])}" for name, entry in content.items())
        shown = f"<b>{escape(status)}</b>" if status.startswith(_SUCCESS) else escape(status)
        rows.append((shown, escape(answer["description"]), kinds))
    return _table("Answers", ("Status", "Meaning", "Content"), rows)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            f"<code>{escape(field)}</code>",
            "required" if field in required else "",
            _type(entry),
            escape(entry.get("description", "")),
        )
        for field, entry in schema.get("properties", {}).items()
    ]
    about = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    head = f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{about}'
    return head + _table("Fields", ("Name", "", "Type", "Meaning"), rows) + "</article>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, with a link where it is a named one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(option) for option in schema[choice]) + escape(_limits(schema))
    if "enum" in schema:
        return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}{escape(_limits(schema))}"
    kind = schema.get("type", "any")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return escape(words + _limits(schema))


def _limits(schema: dict[str, Any]) -> str:
    return "".join(f", {words}" for words in _limit_words(schema))


def _limit_words(schema: dict[str, Any]) -> Iterator[str]:
    names = {
        "format": "",
        "minimum": "at least ",
        "maximum": "at most ",
        "minLength": "at least this many characters: ",
        "maxLength": "at most this many characters: ",
        "pattern": "pattern ",
        "default": "default ",
    }
    for name, words in names.items():
        if name in schema and not (name == "pattern" and len(schema[name]) > _LONGEST_PATTERN):
            value = schema[name]
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            yield words + (value if isinstance(value, str) else json.dumps(value))


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    titled = f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"{titled}<tbody>{lines}</tbody></table>"
