"""The console's pages over HTTP: the same Hubs as for the API's tests."""

from __future__ import annotations

from tests.integration.hub.conftest import demo, world

__all__ = ["demo", "world"]
