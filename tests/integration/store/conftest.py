"""A database with two tenants and the default catalogue, and keys to put into it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from keystile.catalogue_settings import DEFAULT_SCOPES, DEFAULT_TIERS
from keystile.store import catalogue, tenants
from keystile.store.pool import Connection
from keystile.store.records import NewKey

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

MakeKey = Callable[..., NewKey]


@pytest.fixture
async def db(conn: Connection) -> Connection:
    """The tenants `acme` (home) and `globex`, and the default catalogue."""
    await tenants.insert(conn, "acme", "Acme", home=True)
    await tenants.insert(conn, "globex", "Globex")
    await catalogue.apply(conn, DEFAULT_SCOPES, DEFAULT_TIERS)
    return conn


@pytest.fixture
def new_key() -> MakeKey:
    """Makes a key for tenant `acme`; keyword arguments override its fields."""

    def make(**fields: Any) -> NewKey:
        defaults: dict[str, Any] = {
            "id": "key_0" + "".join(secrets.choice(_ALPHABET) for _ in range(25)),
            "tenant": "acme",
            "name": "A key",
            "start": "tos_4fG7",
            "last4": "2Kph",
            "digest": secrets.token_bytes(32),
            "scopes": ["PSA", "CRM"],
            "tier": "Standard",
            "created_by": "test",
        }
        return NewKey(**{**defaults, **fields})

    return make
