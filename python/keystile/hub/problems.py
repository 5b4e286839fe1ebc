"""Every error as problem details: which HTTP answer each of the Hub's errors becomes."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from keystile.errors import BadCursor
from keystile.hub.body import readable
from keystile.hub.errors import (
    CallerRefused,
    DomainError,
    FieldError,
    Invalid,
    TooManyGuesses,
)
from keystile.hub.requests import HubRequest
from keystile.hub.wire import PROBLEM, Scope, Send, respond
from keystile.problems import CONTENT_TYPE, PROBLEMS, problem

logger = logging.getLogger(__name__)

_STATUS_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_RETRY_AFTER_S = {"database_unavailable": "1", "signing_keys_unavailable": "60", "busy": "1"}


def answer(request: HubRequest, error: Exception) -> Response[bytes]:
    """The problem that an error is, as Litestar's exception handler. Never echoes the query string."""
    request_id: str = request.scope["state"]["request_id"]
    code, detail, errors, headers = describe(error)
    if code == "internal_error":
        logger.error("the request failed", exc_info=error)
    content = problem(
        code,
        detail=detail,
        request_id=request_id,
        errors=None if errors is None else [msgspec.to_builtins(fault) for fault in errors],
    )
    return Response(content, status_code=PROBLEMS[code].status, media_type=CONTENT_TYPE, headers=headers)


async def problem_of(send: Send, error: DomainError, *, scope: Scope) -> int:
    """Send the problem that an error is, where no framework does; the status that was sent."""
    code, detail, errors, headers = describe(error)
    content = problem(
        code,
        detail=detail,
        request_id=scope["state"]["request_id"],
        errors=None if errors is None else [msgspec.to_builtins(fault) for fault in errors],
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await respond(send, PROBLEMS[code].status, content, media_type=PROBLEM, headers=raw)
    return PROBLEMS[code].status


def describe(
    error: Exception,
) -> tuple[str, str | None, Sequence[FieldError] | None, dict[str, str]]:
    """Code, detail, faulty fields and headers of an error."""
    if isinstance(error, Invalid):
        return error.code, error.detail, error.errors, {}
    if isinstance(error, DomainError):
        return error.code, error.detail, None, _headers(error)
    if isinstance(error, BadCursor):
        return "invalid_request", None, [FieldError("cursor", "This cursor is not from this list.")], {}
    if isinstance(error, HTTPException):
        return _of_framework(error)
    return "internal_error", None, None, {}


def _of_framework(
    error: HTTPException,
) -> tuple[str, str | None, Sequence[FieldError] | None, dict[str, str]]:
    if error.status_code == 400 and isinstance(error.extra, list):
        return "invalid_request", None, [_fault(entry) for entry in error.extra], {}
    other = "bad_request" if error.status_code < 500 else "internal_error"
    code = _STATUS_CODES.get(error.status_code, other)
    allow = (error.headers or {}).get("allow")
    return code, None, None, {"Allow": allow} if allow else {}


def _fault(entry: Any) -> FieldError:
    field = str(entry.get("key", ""))
    if field == "data":
        return FieldError("", "The body must be a JSON object.")
    return FieldError(field, readable(str(entry.get("message", ""))))


def _headers(error: DomainError) -> dict[str, str]:
    if error.code in _RETRY_AFTER_S:
        return {"Retry-After": _RETRY_AFTER_S[error.code]}
    if isinstance(error, TooManyGuesses):
        return {"Retry-After": str(math.ceil(error.wait_s))}
    if isinstance(error, CallerRefused):
        if error.code == "session_ended":
            return {}
        if error.code == "insufficient_scope":
            return {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="Hub"'}
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return {}
