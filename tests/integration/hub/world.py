"""A whole Hub in this process: its own database, a real agent and gate, and a client that holds the first key."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from keystile import Gate
from keystile.agent.agent import Agent
from keystile.hub.app import create_app
from keystile.hub.bootstrap import bootstrap
from keystile.hub.demo.seed import seed
from keystile.settings import Settings, pepper_bytes, segment_path
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import Connection, connect

PASSWORD = "correct horse battery staple"

_numbers = count(1)


class World:
    """What a test needs: `client` sends the operator's key, `connection` looks behind the scenes."""

    def __init__(self, settings: Settings, app: Any, connection: Connection, secret: str) -> None:
        self.settings = settings
        self.app = app
        self.connection = connection
        self.secret = secret
        self.client = self.client_of(secret)

    def client_of(self, secret: str | None) -> httpx.AsyncClient:
        """A client that shows this secret; None: none at all."""
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers)

    async def issue(self, **fields: Any) -> tuple[dict[str, Any], str]:
        """A new key and its secret, issued by the operator."""
        answer = await self.client.post("/v1/keys", json={"name": "a key", "scopes": ["PSA"], **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["key"], answer.json()["secret"]

    async def decide(self, secret: str, scope: str | None = "PSA") -> tuple[int, str]:
        """Status and code that forward authentication answers for a secret."""
        query = {} if scope is None else {"scope": scope}
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await self.client.get("/v1/authz", params=query, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.content else "ok"

    async def browser(self, role: str = "owner", tenant: str = "home") -> httpx.AsyncClient:
        """A browser in which a new operator has signed in."""
        asked = {"email": f"{role}-{next(_numbers)}@example.com", "role": role, "tenant": tenant}
        added = await self.client.post("/v1/operators", json=asked)
        assert added.status_code == 201, added.text
        browser = self.visitor()
        answer = await browser.post(added.json()["path"], data={"password": PASSWORD})
        assert answer.status_code == 303, answer.text
        browser.headers["X-Test-Operator"] = added.json()["operator"]["id"]
        return browser

    def visitor(self) -> httpx.AsyncClient:
        """A browser in which nobody has signed in; what it sends comes from the console's own pages."""
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://hub", headers={"Sec-Fetch-Site": "same-origin"})

    async def stored(self) -> tuple[int, ...]:
        """How much there is of everything that a call could change, and the feed's revision."""
        tables = ("keys", "tenants", "audit", "scopes", "tiers", "operators", "operator_links", "operator_sessions")
        tables += ("webhooks", "webhook_deliveries")
        counts = [await self.connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        return (*counts, await self.connection.fetchval("SELECT rev FROM feed_clock"))

    async def tenant(self) -> str:
        """A new tenant's id."""
        tenant = f"tenant-{next(_numbers)}"
        answer = await self.client.post("/v1/tenants", json={"id": tenant, "name": "Another tenant"})
        assert answer.status_code == 201, answer.text
        return tenant


@contextlib.asynccontextmanager
async def open_world(
    postgres: EmbeddedPostgres, template: str, *, demo: bool = False, **more: Any
) -> AsyncIterator[World]:
    """Build it all up, and tear it down; `more` are settings."""
    name = f"hub_{next(_numbers)}"
    admin = await connect(postgres.admin_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER keystile")
    url = postgres.url.replace("@/keystile?", f"@/{name}?")
    with tempfile.TemporaryDirectory(prefix="keystile-hub-") as folder:
        usual = {"capacity": 10_000, "poll_interval_ms": 50, "flush_interval_ms": 100, "failure_burst": 1_000_000}
        own = {"data": Path(folder), "database_url": url, "segment": Path(folder) / "gate.segment", "demo": demo}
        settings = Settings(**(usual | own | more))
        pepper_bytes(settings, create=True)
        connection = await connect(url)
        operator_file = await bootstrap(connection, settings)
        assert operator_file is not None
        if demo:
            await seed(connection, settings)
        async with _agent(settings, url):
            app = create_app(settings, Gate.attach(segment_path(settings)))
            async with lifespan(app):
                yield World(settings, app, connection, operator_file.read_text().strip())
        await connection.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@contextlib.asynccontextmanager
async def _agent(settings: Settings, url: str) -> AsyncIterator[None]:
    agent = Agent(settings, url)
    running = asyncio.create_task(agent.run())
    ready = asyncio.create_task(agent.ready.wait())
    await asyncio.wait([running, ready], timeout=20, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert agent.ready.is_set(), running.result()
        yield
    finally:
        ready.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start and stop an application as a server does."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    inbox.put_nowait({"type": "lifespan.startup"})
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, inbox.get, outbox.put))
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        inbox.put_nowait({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await running
