"""The OpenAPI 3.1 document: what Litestar knows of the management API, completed with what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from keystile.hub.advice.schemas import AdvicePage
from keystile.hub.audit.schemas import AuditPage
from keystile.hub.catalogue.schemas import ScopeList, TierList
from keystile.hub.csv_lines import CSV
from keystile.hub.docs_page import CONTENT_SECURITY_POLICY, render
from keystile.hub.imports.schemas import ImportAnswer, ImportKey
from keystile.hub.keys.schemas import (
    ChangedKey,
    CreateKey,
    IssuedKey,
    KeyPage,
    RevokeKey,
    RotatedKey,
    RotateKey,
    UpdateKey,
)
from keystile.hub.keys.self_revoke import SelfRevoked
from keystile.hub.leaks.service import Label, Report
from keystile.hub.openapi_values import plain, put_catalogue
from keystile.hub.operators.schemas import AddOperator, OperatorLink, OperatorPage, UpdateOperator
from keystile.hub.sessions.cookies import SESSION
from keystile.hub.tenants.schemas import CreateTenant, TenantPage, UpdateTenant
from keystile.hub.usage.outcomes import MEDIA_TYPE as NDJSON
from keystile.hub.usage.outcomes import Outcome, OutcomesTaken
from keystile.hub.usage.schemas import UsageList
from keystile.hub.verify import Verdict, Verify
from keystile.hub.webhooks.schemas import (
    CreateWebhook,
    DeliveryPage,
    IssuedWebhook,
    RotateWebhook,
    UpdateWebhook,
    WebhookPage,
)
from keystile.hub.wire import Receive, Scope, Send, respond
from keystile.problems import CONTENT_TYPE, PROBLEMS
from keystile.settings import Settings
from keystile.store.records import KeyUsage

OPENAPI = OpenAPIConfig(
    title="Keystile",
    version=version("keystile"),
    description="API keys decided in-process: issue, scope, limit, rotate, revoke and count.",
    render_plugins=[JsonRenderPlugin()],
    use_handler_docstrings=True,
)

_SCHEMAS = (
    AddOperator,
    AdvicePage,
    AuditPage,
    ChangedKey,
    CreateKey,
    CreateTenant,
    CreateWebhook,
    DeliveryPage,
    ImportAnswer,
    ImportKey,
    IssuedKey,
    IssuedWebhook,
    KeyPage,
    KeyUsage,
    Label,
    OperatorLink,
    OperatorPage,
    Outcome,
    OutcomesTaken,
    Report,
    RevokeKey,
    RotatedKey,
    RotateKey,
    RotateWebhook,
    ScopeList,
    SelfRevoked,
    TenantPage,
    TierList,
    UpdateKey,
    UpdateOperator,
    UpdateTenant,
    UpdateWebhook,
    UsageList,
    Verdict,
    Verify,
    WebhookPage,
)
_REFERENCE = "#/components/schemas/{name}"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_ANY = ("get", "put", "post", "delete", "options", "head", "patch")
_ALWAYS = (400, 401, 403, 422, 429, 503)
_CONFLICT = "409"
_ELSEWHERE = frozenset({"unknown_scope", "sign_in_refused", "too_many_guesses"})
"""Codes of `/v1/authz` and of the console, which no call of the management API answers."""


class Description:
    """Serves the document and the page made from it; both are made once, when first asked for."""

    def __init__(self, api: Litestar, settings: Settings) -> None:
        self._api = api
        self._settings = settings

    async def document(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """The document as JSON."""
        await respond(send, 200, self._json)

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """The document as a page for people."""
        policy = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())
        await respond(send, 200, self._html, media_type=b"text/html; charset=utf-8", headers=[policy])

    @cached_property
    def _document(self) -> dict[str, Any]:
        document = complete(self._api.openapi_schema.to_schema())
        scopes, tiers = self._settings.scopes, self._settings.tiers
        put_catalogue(document, [scope.name for scope in scopes], [tier.name for tier in tiers])
        return document

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self._document)

    @cached_property
    def _html(self) -> bytes:
        return render(self._document).encode()


_TABLES = {"/v1/audit": "AuditPage", "/v1/usage": "UsageList"}
"""Lists that can be had as CSV too, and the schemas of what they are as JSON."""


_LINES = {"/v1/keys/import": "ImportKey", "/v1/usage/outcomes": "Outcome"}
"""Calls that take many objects, and the schemas of one line: OpenAPI has no word for "one such object a line"."""


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add the calls that bypass Litestar, the real schemas, the real errors, and how to authenticate.

    Litestar's own schemas drop constraints and the refusal of unknown fields; msgspec's keep them.
    """
    for path, kind in _LINES.items():
        lines = {NDJSON: {"schema": {"$ref": _REFERENCE.format(name=kind)}}}
        document["paths"][path]["post"]["requestBody"] = {"required": True, "content": lines}
    _, schemas = msgspec.json.schema_components(_SCHEMAS, ref_template=_REFERENCE)
    for operation in _operations(document):
        _complete_operation(operation, schemas)
    for path, kind in _TABLES.items():
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        content["application/json"]["schema"] = {"$ref": _REFERENCE.format(name=kind)}
        content[CSV] = {"schema": {"type": "string"}}
    document["components"] = {
        "schemas": {**schemas, "Problem": _problem_schema()},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A key with the scope Hub."},
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": SESSION,
                "description": "An operator signed in to the console; `__Host-` before the name over HTTPS.",
            },
        },
    }
    document["security"] = [{"bearer": []}, {"session": []}]
    document["paths"].update(_raw_paths())
    document["tags"] = [{"name": name} for name in _tags(document)]
    document["components"]["schemas"] = {
        _public(name): schema for name, schema in document["components"]["schemas"].items()
    }
    renamed: dict[str, Any] = _rename(document)
    return renamed


def _rename(value: Any) -> Any:
    """The same document with public names for schemas, wherever they are titled or referred to."""
    if isinstance(value, list):
        return [_rename(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _public(entry) if name in {"$ref", "title"} and isinstance(entry, str) else _rename(entry)
        for name, entry in value.items()
    }


def _public(name: str) -> str:
    """A row of a table is, outside, the thing itself."""
    return name.removesuffix("Row")


def _raw_paths() -> dict[str, Any]:
    """The calls that bypass Litestar; one written under "any" answers every method alike."""
    paths: dict[str, Any] = json.loads(files(__package__).joinpath("openapi_paths.json").read_text("utf-8"))
    for path, item in paths.items():
        if "any" in item:
            operation = item["any"]
            paths[path] = {
                method: {**operation, "operationId": operation["operationId"] + method.capitalize()} for method in _ANY
            }
    return paths


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                yield operation


def _complete_operation(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    statuses = {*_ALWAYS}
    operation["parameters"] = [plain(parameter) for parameter in operation.get("parameters", ())]
    if any(parameter["in"] == "path" or parameter["name"] == "tenant" for parameter in operation["parameters"]):
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {413, 415}
        _complete_body(operation["requestBody"])
        if _names_a_tenant(operation["requestBody"], schemas):
            statuses.add(404)
    answers = operation["responses"]
    succeeded = {code: answer for code, answer in answers.items() if code.startswith("2")}
    for answer in succeeded.values():
        answer["description"] = "Done."
    refused = {str(status): _problem_answer(_codes(status)) for status in sorted(statuses)}
    if _CONFLICT in answers:
        refused[_CONFLICT] = _problem_answer(answers[_CONFLICT]["description"])
    operation["responses"] = succeeded | dict(sorted(refused.items()))


def _names_a_tenant(body: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether a body says for which tenant it is, which may be one that there is not."""
    referred = (media["schema"].get("$ref", "").rpartition("/")[2] for media in body["content"].values())
    return any("tenant" in schemas.get(name, {}).get("properties", ()) for name in referred)


def _complete_body(body: dict[str, Any]) -> None:
    """An optional body is written by Litestar as a required one that may be null."""
    media = next(iter(body["content"].values()))
    choices = [choice for choice in media["schema"].get("oneOf", ()) if choice != {"type": "null"}]
    if choices:
        media["schema"] = choices[0]
        body["required"] = False


def _codes(status: int) -> str:
    return ", ".join(code for code, entry in PROBLEMS.items() if entry.status == status and code not in _ELSEWHERE)


def _problem_answer(codes: str) -> dict[str, Any]:
    return {
        "description": f"Problem: {codes}.",
        "content": {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}},
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    parts = {"field": text, "message": text}
    fault = {"type": "object", "properties": parts, "required": list(parts)}
    return {
        "title": "Problem",
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": {"type": "string", "enum": list(PROBLEMS)},
            "request_id": text,
            "errors": {"type": "array", "items": fault},
        },
        "required": ["type", "title", "status", "detail", "code", "request_id"],
    }


def _tags(document: dict[str, Any]) -> list[str]:
    tags = (tag for operation in _operations(document) for tag in operation.get("tags", ()))
    return list(dict.fromkeys(tags))
