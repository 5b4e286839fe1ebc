"""A Flask application behind the middleware."""

from __future__ import annotations

from flask import Flask, abort, request

from keystile import Gate
from keystile.wsgi import ENVIRON_KEY, KeystileMiddleware


def flask_app(gate: Gate | None = None) -> Flask:
    """The application over a gate, or over this machine's."""
    app = Flask(__name__)

    @app.get("/tickets")
    def tickets() -> str:
        return str(request.environ[ENVIRON_KEY].key_id)

    @app.get("/missing")
    def missing() -> str:
        abort(404)

    @app.get("/fail")
    def fail() -> str:
        raise RuntimeError("the application failed")

    app.wsgi_app = KeystileMiddleware(app.wsgi_app, "PSA", gate=gate)  # type: ignore[method-assign]
    return app
