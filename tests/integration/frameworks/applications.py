"""The same application in each framework, guarded in the framework's own idiom, over one gate.

`/tickets` needs PSA and answers the key's id, `/both` needs PSA and CRM, `/missing` answers 404, `/fail` fails;
`/health` is open where routes ask for themselves. Each is a module of its own: a server loads just the one.
"""

from __future__ import annotations

from collections.abc import Callable

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

import tests.integration.frameworks.django_project  # noqa: F401  configures Django
from keystile import Gate
from tests.integration.frameworks.calling import Call, asgi, wsgi
from tests.integration.frameworks.fastapi_application import fastapi_app
from tests.integration.frameworks.flask_application import flask_app
from tests.integration.frameworks.litestar_application import litestar_app
from tests.integration.frameworks.starlette_application import starlette_app


def _django(gate: Gate, handler: Callable[[], object]) -> object:
    with override_settings(KEYSTILE_GATE=gate):
        return handler()


APPLICATIONS: dict[str, Callable[[Gate], Call]] = {
    "fastapi": lambda gate: asgi(fastapi_app(gate)),
    "starlette": lambda gate: asgi(starlette_app(gate)),
    "flask": lambda gate: wsgi(flask_app(gate)),
    "django-wsgi": lambda gate: wsgi(_django(gate, get_wsgi_application)),
    "django-asgi": lambda gate: asgi(_django(gate, get_asgi_application)),
    "litestar": lambda gate: asgi(litestar_app(gate)),
}
"""By name: what calls the application over a gate."""

BY_ROUTE = ["fastapi", "django-wsgi", "django-asgi", "litestar"]
"""Those in which routes ask for themselves."""
