"""Problem details (RFC 9457): one table of every code that an answer can carry, and their encoding.

Shared by the gate's middleware and the Hub, so it imports neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keystile:problem:"


class Problem(NamedTuple):
    """What does not change from one occurrence of a problem to the next."""

    status: int
    title: str
    detail: str


DENIALS: Mapping[str, Problem] = MappingProxyType(
    {
        "gate_stale": Problem(
            503, "Gate not current", "The gate cannot show that its keys are current, so it decides nothing."
        ),
        "missing_credentials": Problem(401, "No credentials", "Send a key in the header: Authorization: Bearer <key>."),
        "multiple_credentials": Problem(
            400, "Several credentials", "Send exactly one Authorization header; none of these was looked at."
        ),
        "malformed_key": Problem(
            401, "Malformed key", "The credential is not a Bearer key, is cut short, or has a typing error."
        ),
        "unknown_key": Problem(401, "Unknown key", "No such key exists."),
        "revoked_key": Problem(401, "Key revoked", "This key was revoked and will not work again."),
        "disabled_key": Problem(401, "Key disabled", "This key is disabled for now."),
        "expired_key": Problem(401, "Key expired", "This key has expired."),
        "rate_limited": Problem(
            429, "Too many requests", "This key's rate limit is used up; Retry-After says when to try again."
        ),
        "too_many_failures": Problem(
            429, "Too many failed attempts", "Too many requests without a valid key came from this address."
        ),
        "insufficient_scope": Problem(
            403, "Insufficient scope", "This key does not hold the scope that is needed here."
        ),
    }
)
"""Every refusal of a gate."""

HUB: Mapping[str, Problem] = MappingProxyType(
    {
        "bad_request": Problem(400, "Bad request", "The request cannot be understood."),
        "malformed_json": Problem(400, "Malformed JSON", "The body is not one JSON document."),
        "unknown_scope": Problem(400, "Unknown scope", "The scope asked for is not in the catalogue."),
        "escalation": Problem(403, "Beyond your own rights", "A key cannot give or manage more than it holds itself."),
        "session_ended": Problem(401, "Session ended", "This session is over; sign in again."),
        "sign_in_refused": Problem(401, "Not signed in", "The address or the password is wrong."),
        "cross_site": Problem(403, "Another site", "A session is taken only from the console's own pages."),
        "role_refused": Problem(403, "Beyond your role", "Your role does not allow this."),
        "bad_signature": Problem(403, "Not signed", "This is not signed by anybody who is believed here."),
        "home_only": Problem(403, "Home tenant only", "Only the home tenant may do this."),
        "not_found": Problem(404, "Not found", "There is nothing here by that name."),
        "method_not_allowed": Problem(405, "Method not allowed", "This address does not take that method."),
        "key_revoked": Problem(409, "Key revoked", "The key is revoked, which is final."),
        "key_disabled": Problem(409, "Key disabled", "The key is disabled; enable it first."),
        "key_expired": Problem(409, "Key expired", "The key has expired; extend its life first."),
        "tenant_exists": Problem(409, "Tenant exists", "There is already a tenant of that id."),
        "operator_exists": Problem(409, "Operator exists", "Somebody signs in with that address already."),
        "operator_disabled": Problem(409, "Operator disabled", "The operator is disabled; enable them first."),
        "last_owner": Problem(409, "Last owner", "A tenant keeps at least one owner; make another one first."),
        "too_many_webhooks": Problem(409, "Too many webhooks", "A tenant has 20 webhooks at most; remove one first."),
        "webhook_disabled": Problem(409, "Webhook disabled", "The webhook is disabled; enable it first."),
        "body_too_large": Problem(413, "Body too large", "The body is larger than this server accepts."),
        "unsupported_media_type": Problem(
            415, "Unsupported media type", "Send the body as application/json, not encoded."
        ),
        "too_many_guesses": Problem(
            429, "Too many tries", "Too many tries to sign in; Retry-After says when to try again."
        ),
        "invalid_request": Problem(422, "Invalid request", "Nothing was changed; see errors."),
        "internal_error": Problem(500, "Internal error", "Something went wrong here; it has been logged."),
        "not_confirmed": Problem(
            503,
            "Changed, not confirmed",
            "The change is made, and gates apply it as always; but the database was lost before each had said so."
            " Asking again is safe.",
        ),
        "signing_keys_unavailable": Problem(
            503, "Signatures cannot be checked", "The keys that reports are signed with cannot be had; try again."
        ),
        "busy": Problem(503, "Busy", "As much of this is being done as there is room for; try again."),
        "database_unavailable": Problem(
            503, "Database unavailable", "The database cannot be used at the moment; try again."
        ),
    }
)
"""Every other problem that the Hub answers with."""

PROBLEMS: Mapping[str, Problem] = MappingProxyType({**DENIALS, **HUB})

_encode = msgspec.json.Encoder().encode


def denial(code: str, *, scope: str | None = None, request_id: str | None = None) -> bytes:
    """The JSON body of a gate's refusal; `scope` is the one that was needed, if any."""
    detail = None
    if scope is not None and code == "insufficient_scope":
        detail = f"This key does not hold the scope {scope}."
    return problem(code, detail=detail, request_id=request_id)


def problem(
    code: str,
    *,
    detail: str | None = None,
    request_id: str | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
) -> bytes:
    """The JSON body of a problem; KeyError for a code that is in no table.

    `detail` replaces the table's own; it must never carry a secret or a query string.
    """
    entry = PROBLEMS[code]
    body: dict[str, object] = {
        "type": TYPE_PREFIX + code,
        "title": entry.title,
        "status": entry.status,
        "detail": detail or entry.detail,
        "code": code,
    }
    if request_id is not None:
        body["request_id"] = request_id
    if errors is not None:
        body["errors"] = errors
    return _encode(body)
