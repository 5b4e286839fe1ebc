"""A small ASGI application that serves the console's parts as pages, for as long as a test runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from jinja2 import ChoiceLoader, FileSystemLoader

from keystile.catalogue_settings import DEFAULT_SCOPES
from keystile.console import assets
from keystile.console.environment import environment
from keystile.console.security import PAGE_HEADERS, STATIC_HEADERS
from keystile.console.shell import THEME_COOKIE, Link, theme_of
from tests.browser import sample

_own = environment().loader
assert _own is not None
TEMPLATES = environment().overlay(loader=ChoiceLoader([FileSystemLoader(Path(__file__).with_name("gallery")), _own]))

PAGES = {
    "/": "list.html",
    "/key": "key.html",
    "/new": "new.html",
    "/revoke": "revoke.html",
    "/secret": "secret.html",
    "/empty": "empty.html",
    "/sign-in": "sign-in.html",
    "/error": "error.html",
}


class Gallery:
    """The application. `posts` has the headers and the form of each POST, oldest first."""

    def __init__(self, headers: Mapping[str, str] = PAGE_HEADERS) -> None:
        self.posts: list[tuple[dict[str, str], dict[str, list[str]]]] = []
        self.requests: list[str] = []
        self.page_headers = headers

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One request."""
        path, headers = scope["path"], {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append(path)
        if path.startswith(assets.PREFIX):
            await _static(send, path.removeprefix(assets.PREFIX))
        elif scope["method"] == "POST":
            form = parse_qs((await _body(receive)).decode(), keep_blank_values=True)
            self.posts.append((headers, form))
            await self._answer_form(send, path, headers, form)
        elif path in PAGES:
            await self._page(send, 200, path, headers, parse_qs(scope["query_string"].decode()))
        else:
            await _send(send, 404, b"", {"Content-Type": "text/plain"})

    async def _answer_form(self, send: Any, path: str, headers: dict[str, str], form: dict[str, list[str]]) -> None:
        if path == "/new" and form.get("name", [""])[0] == "taken":
            await self._page(send, 422, "/new", headers, {"error": ["There is a key of this name already."], **form})
        else:
            target = "/secret" if path == "/new" else "/"
            await _send(send, 303, b"", {"Location": target, **self.page_headers})

    async def _page(
        self, send: Any, status: int, path: str, headers: dict[str, str], query: dict[str, list[str]]
    ) -> None:
        cookie = SimpleCookie(headers.get("cookie", "")).get(THEME_COOKIE)
        theme = theme_of(cookie.value if cookie else None)
        q, wanted = query.get("q", [""])[0], query.get("status", [""])[0]
        body = TEMPLATES.get_template(PAGES[path]).render(
            shell=sample.shell(theme),
            theme=theme,
            keys=[
                key
                for key in sample.listed_keys()
                if q.lower() in key["name"].lower() and wanted in {"", key["status"]}
            ],
            q=q,
            status=wanted,
            now=sample.NOW,
            used=sample.NOW,
            name=query.get("name", [sample.REORDERED if path == "/revoke" else sample.HOSTILE])[0],
            scopes=DEFAULT_SCOPES,
            errors=[("name", text) for text in query.get("error", [])],
            days=sample.days(),
            hours=sample.hours(),
            tabs=[Link("Overview", "/key", current=True), Link("Usage", "/usage"), Link("Audit", "/audit")],
            title="This page is not there",
            detail=sample.REORDERED,
            request_id="req_01hq",
            back_href="/",
            back_text="Back to the API Keys",
        )
        await _send(send, status, body.encode(), {"Content-Type": "text/html; charset=utf-8", **self.page_headers})


async def _static(send: Any, name: str) -> None:
    asset = assets.served(name)
    if asset is None:
        await _send(send, 404, b"", {"Content-Type": "text/plain"})
    else:
        await _send(send, 200, asset.body, {"Content-Type": asset.media_type, **STATIC_HEADERS})


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _send(send: Any, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    """An ASGI application behind a real server, on a port of its own; its address."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="warning"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not running.done(), "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
