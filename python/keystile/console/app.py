"""The console as one ASGI application: pages over the same services as the API's."""

from __future__ import annotations

from typing import cast

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ExceptionHandler

from keystile.client_address import TrustedProxies
from keystile.console.advice_page import AdvicePages
from keystile.console.audit_page import AuditPages
from keystile.console.confirmation import ConfirmationPage
from keystile.console.door import ConsoleDoor
from keystile.console.errors import answer
from keystile.console.key_changes import KeyChanges
from keystile.console.key_edit import KeyEdit
from keystile.console.key_page import KeyPage
from keystile.console.key_revoke import KeyRevoke
from keystile.console.key_rotate import KeyRotate
from keystile.console.keys_list import KeysList
from keystile.console.keys_new import KeysNew
from keystile.console.operator_page import OperatorPages
from keystile.console.operators_list import OperatorsList
from keystile.console.request import ConsoleRequest
from keystile.console.signing_in import SigningIn
from keystile.console.tenants_page import TenantsPages
from keystile.console.tiers_page import TiersPage
from keystile.hub.context import Hub
from keystile.hub.requests import check_query
from keystile.hub.wire import ASGIApp


def create_console(hub: Hub, proxies: TrustedProxies) -> ASGIApp:
    """The console's pages, behind their door."""
    pages = Litestar(
        route_handlers=[
            AdvicePages,
            AuditPages,
            ConfirmationPage,
            KeyChanges,
            KeyEdit,
            KeyPage,
            KeyRevoke,
            KeyRotate,
            KeysList,
            KeysNew,
            OperatorPages,
            OperatorsList,
            SigningIn,
            TenantsPages,
            TiersPage,
        ],
        dependencies={
            "hub": Provide(lambda: hub, sync_to_thread=False),
            "proxies": Provide(lambda: proxies, sync_to_thread=False),
        },
        exception_handlers={Exception: cast("ExceptionHandler[Exception]", answer)},
        guards=[check_query],
        logging_config=None,
        openapi_config=None,
        request_class=ConsoleRequest,
        request_max_body_size=hub.settings.max_body_bytes,
    )
    return ConsoleDoor(cast("ASGIApp", pages), proxies)
