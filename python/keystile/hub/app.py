"""The composition root: one ASGI application out of the gate, the database, the API and the demo."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from litestar import Litestar
from litestar.di import Provide
from litestar.types import BeforeRequestHookHandler, ExceptionHandler

from keystile import Gate
from keystile.asgi import KeystileMiddleware
from keystile.attachment import Attachment
from keystile.catalogue_settings import HUB_SCOPE
from keystile.client_address import TrustedProxies
from keystile.console.app import create_console
from keystile.errors import SettingsError
from keystile.hub.advice.controller import AdviceController
from keystile.hub.audit.controller import AuditController
from keystile.hub.authz import Authz
from keystile.hub.catalogue.controller import CatalogueController
from keystile.hub.context import Hub
from keystile.hub.database import Database
from keystile.hub.demo.products import products
from keystile.hub.errors import DatabaseUnavailable
from keystile.hub.front import Front
from keystile.hub.health import Health
from keystile.hub.imports.controller import ImportsController
from keystile.hub.keys.controller import KeysController
from keystile.hub.keys.self_revoke import SelfRevoke
from keystile.hub.leaks.endpoint import Leaks
from keystile.hub.metrics import Metrics
from keystile.hub.openapi import OPENAPI, Description
from keystile.hub.operators.controller import OperatorsController
from keystile.hub.options import answer_options
from keystile.hub.problems import answer
from keystile.hub.reporting import Reporter
from keystile.hub.requests import HubRequest, check_query
from keystile.hub.secrets import Issuer
from keystile.hub.sessions.door import Door
from keystile.hub.sessions.service import SignIn
from keystile.hub.tenants.controller import TenantsController
from keystile.hub.usage.controller import UsageController
from keystile.hub.verify import Verifier
from keystile.hub.webhooks.addresses import Reach
from keystile.hub.webhooks.controller import WebhooksController
from keystile.hub.webhooks.courier import Courier
from keystile.hub.webhooks.sender import Sender
from keystile.hub.webhooks.vault import Vault
from keystile.hub.wire import ASGIApp
from keystile.settings import Settings, pepper_bytes, segment_path

_FIRST_CONNECTION_S = 2.0


def create_app(settings: Settings, gate: Gate | None = None, *, place: int = 0) -> ASGIApp:
    """The Hub as one ASGI application; `gate` defaults to this machine's shared one, which may
    appear later: until then every decision is `gate_stale`. `place` is its number among the workers.

    SettingsError without a `database_url` or a pepper. The database itself may be down: calls that need it
    then answer 503 until it is back.
    """
    if settings.database_url is None:
        raise SettingsError("database_url is needed: the Hub does not start a database itself")
    attachment = Attachment(gate, path=segment_path(settings))
    proxies = TrustedProxies(settings.trusted_proxies)
    database = Database(settings.database_url)
    peppers = pepper_bytes(settings)
    hub = Hub(
        settings=settings,
        attachment=attachment,
        database=database,
        issuer=Issuer(settings.prefix, peppers[0], peppers[1:]),
        sign_in=SignIn(database, peppers[0]),
        vault=Vault(peppers),
        reach=Reach(settings.webhook_networks),
    )
    reporter = Reporter(attachment, database, place)
    courier = Courier(settings.database_url, database, hub.vault, Sender(hub.reach))
    api = _api(hub, reporter, courier)
    # Litestar spells the ASGI types out as typed dictionaries.
    inner = cast("ASGIApp", api)

    def guard(app: ASGIApp, scope: str) -> ASGIApp:
        return KeystileMiddleware(
            app,
            scope,
            gate=gate,
            segment=segment_path(settings),
            trusted_proxies=settings.trusted_proxies,
        )

    return Front(
        lifespan=inner,
        api=Door(inner, guard(inner, HUB_SCOPE), proxies),
        console=create_console(hub, proxies),
        authz=Authz(attachment, proxies),
        self_revoke=SelfRevoke(hub, proxies),
        leaks=Leaks(hub),
        verifier=Verifier(attachment, proxies, settings.max_body_bytes),
        health=Health(attachment, database),
        metrics=Metrics(attachment, reporter),
        reporter=reporter,
        description=Description(api, settings),
        products=products({scope.name for scope in settings.scopes}, guard) if settings.demo else {},
    )


def _api(hub: Hub, reporter: Reporter, courier: Courier) -> Litestar:
    """The management API. Who may call it is the gate's to say, in front of it."""
    return Litestar(
        route_handlers=[
            KeysController,
            ImportsController,
            UsageController,
            AdviceController,
            CatalogueController,
            TenantsController,
            OperatorsController,
            AuditController,
            WebhooksController,
        ],
        dependencies={"hub": Provide(lambda: hub, sync_to_thread=False)},
        exception_handlers={Exception: cast("ExceptionHandler[Exception]", answer)},
        guards=[check_query],
        before_request=cast("BeforeRequestHookHandler", answer_options),
        lifespan=[lambda _: _database(hub.database), lambda _: reporter.running(), lambda _: _running(courier)],
        logging_config=None,
        openapi_config=OPENAPI,
        request_class=HubRequest,
        request_max_body_size=hub.settings.max_body_bytes,
    )


@asynccontextmanager
async def _database(database: Database) -> AsyncIterator[None]:
    """Connect early if that is possible at once, and disconnect at the end."""
    with contextlib.suppress(DatabaseUnavailable, TimeoutError):
        async with asyncio.timeout(_FIRST_CONNECTION_S), database.connection():
            pass
    try:
        yield
    finally:
        await database.close()


@asynccontextmanager
async def _running(courier: Courier) -> AsyncIterator[None]:
    """Deliver for as long as the Hub answers."""
    task = asyncio.create_task(courier.run(), name="courier")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
