"""A Hub whose home tenant has many keys, and a browser in which its owner has signed in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlencode

import httpx

from benchmarks.measure import Work
from keystile import Gate
from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS
from keystile.hub.app import create_app
from keystile.hub.sessions import cookies, tokens
from keystile.pepper import pepper_bytes
from keystile.settings import Settings
from keystile.store import catalogue, tenants
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.migrate import migrate
from keystile.store.pool import connect

_FILL = """
SET statement_timeout = 0;
ALTER TABLE keys DISABLE TRIGGER USER;
INSERT INTO keys (id, tenant, name, start, last4, scopes, tier, digest, created_by, created_at, expires_at)
SELECT 'key_' || lpad(n::text, 26, '0'), 'home',
       (ARRAY['Billing', 'Warehouse', 'Nightly', 'Zapier'])[n % 4 + 1] || ' ' || md5(n::text),
       'tos_' || left(md5('a' || n), 4), left(md5('b' || n), 4),
       CASE WHEN n % 3 = 0 THEN ARRAY['PSA', 'CRM'] ELSE ARRAY['PSA'] END, 'Standard', sha256(n::text::bytea), 'bench',
       now() - n * interval '1 minute', CASE WHEN n % 7 = 0 THEN now() + n * interval '1 day' END
FROM generate_series(1, {keys}) n;
ALTER TABLE keys ENABLE TRIGGER USER;
INSERT INTO usage_totals
SELECT 'key_' || lpad(n::text, 26, '0'), n::bigint * 7919 % 100003, 3, 1,
       now() - (n::bigint * 104729 % 1000003) * interval '1 second'
FROM generate_series(1, {keys}) n WHERE n % 10 <> 0;
SELECT usage_make_room(array_agg(utc_today() - day), 8, 400) FROM generate_series(0, 29) day;
INSERT INTO usage_daily (key_id, date, requests, client_errors)
SELECT 'key_' || lpad(n::text, 26, '0'), utc_today() - day, n * day % 1000, day % 5
FROM generate_series(1, {used}) n, generate_series(0, 29) day;
INSERT INTO operators (id, tenant, email, role, created_by)
VALUES ('op_00000000000000000000000000', 'home', 'bench@example.com', 'owner', 'bench');
VACUUM ANALYZE keys, usage_totals, usage_daily;
"""
_SESSION = """
INSERT INTO operator_sessions (digest, operator_id, expires_at) SELECT $1, id, now() + interval '1 day' FROM operators
"""


class Console:
    """One Hub, asked in this process: what is timed is the server's work, from the request to the whole page."""

    def __init__(
        self, runner: asyncio.Runner, folder: Path, postgres: EmbeddedPostgres, *, keys: int, used: int
    ) -> None:
        self._runner = runner
        url = postgres.url.replace("@/keystile?", f"@/console_{keys}?")
        token = tokens.new()
        runner.run(self._fill(postgres, url, token, keys, used))
        settings = Settings(data=folder, database_url=url, segment=folder / f"gate-{keys}")
        pepper = pepper_bytes(settings, create=True)[0]
        scopes = [scope.name for scope in DEFAULT_SCOPES]
        tiers = [(tier.name, tier.rate, tier.burst) for tier in DEFAULT_TIERS]
        gate = Gate.open(folder / f"private-{keys}", scopes=scopes, tiers=tiers, pepper=pepper)
        self._browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(settings, gate)),
            base_url="http://hub",
            cookies={cookies.SESSION: token},
        )

    async def _fill(self, postgres: EmbeddedPostgres, url: str, token: str, keys: int, used: int) -> None:
        admin = await connect(postgres.admin_url)
        await admin.execute(f"CREATE DATABASE console_{keys} OWNER keystile")
        await admin.close()
        own = await connect(url)
        await migrate(own)
        async with own.transaction():
            await catalogue.apply(own, DEFAULT_SCOPES, DEFAULT_TIERS)
            await tenants.insert(own, "home", "Home", home=True)
        for statement in _FILL.format(keys=keys, used=used).strip().removesuffix(";").split(";\n"):
            await own.execute(statement, timeout=600)
        await own.execute(_SESSION, tokens.digest(token))
        await own.close()

    def page(self, **query: str) -> Work:
        """The list, asked for like this."""
        path = f"/console/t/home/keys?{urlencode(query)}"

        def work() -> int:
            answer = self._runner.run(self._browser.get(path))
            assert answer.status_code == 200, answer.text
            return 1

        return work
