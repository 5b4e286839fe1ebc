"""Every error as a page: the same problems as the API's, for people."""

from __future__ import annotations

import logging
from urllib.parse import quote

from litestar import Response
from litestar.enums import MediaType

from keystile.console.pages import HOME, SIGN_IN, Page, page, redirect
from keystile.console.request import ConsoleRequest
from keystile.hub.errors import CallerRefused
from keystile.hub.problems import describe
from keystile.problems import PROBLEMS

logger = logging.getLogger(__name__)


def answer(request: ConsoleRequest, error: Exception) -> Page:
    """The page that an error is, as Litestar's exception handler. Who is not signed in gets the page for that."""
    request_id: str = request.scope["state"]["request_id"]
    if isinstance(error, CallerRefused) and error.code == "session_ended":
        return _to_sign_in(request)
    code, detail, errors, headers = describe(error)
    if code == "internal_error":
        logger.error("the request failed", exc_info=error)
    problem = PROBLEMS[code]
    shown = page(
        request,
        "error.html",
        status=problem.status,
        title=problem.title,
        detail=" ".join([detail or problem.detail, *(fault.message for fault in errors or ())]),
        request_id=request_id,
        back_href=HOME,
        back_text="Go to the console",
    )
    shown.headers.update(headers)
    return shown


def _to_sign_in(request: ConsoleRequest) -> Page:
    """By a header where htmx asked: it would put a page that it was redirected to into the middle of this one."""
    if request.headers.get("hx-request") == "true":
        return Response("", status_code=200, headers={"HX-Redirect": SIGN_IN}, media_type=MediaType.TEXT)
    path: str = request.scope["path"]
    return redirect(f"{SIGN_IN}?next={quote(path)}" if request.method == "GET" and path != HOME else SIGN_IN)
