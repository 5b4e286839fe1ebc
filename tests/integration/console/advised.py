"""Keys about which advice is given, each of one kind alone."""

from __future__ import annotations

from typing import Any

from keystile.store import findings
from tests.integration.console.reading import Key
from tests.integration.hub.world import World

FAR = "2100-01-01T00:00:00Z"
_CHANGE = '{"what": ["requests"], "requests": 12345, "week_requests": 4319, "errors": 0, "week_errors": 0}'


async def aged(world: World, days: int, **fields: Any) -> Key:
    """A key that was made so long ago and was used just now, with nothing else to say of it but its age."""
    key, _ = await world.issue(**{"expires_at": FAR, **fields})
    await world.connection.execute(
        "UPDATE keys SET created_at = now() - $2::integer * interval '1 day' WHERE id = $1", key["id"], days
    )
    await world.connection.execute(
        "INSERT INTO usage_totals (key_id, requests, last_used_at) VALUES ($1, 1, now())", key["id"]
    )
    return key


async def old_secret(world: World, **fields: Any) -> Key:
    return await aged(world, 91, **fields)


async def no_expiry(world: World, **fields: Any) -> Key:
    return await aged(world, 1, expires_at=None, **fields)


async def unused(world: World, **fields: Any) -> Key:
    key = await aged(world, 60, **fields)
    await world.connection.execute(
        "UPDATE usage_totals SET last_used_at = now() - interval '40 days' WHERE key_id = $1", key["id"]
    )
    await _looked(world)
    return key


async def unused_scopes(world: World, **fields: Any) -> Key:
    """It holds PSA, which it uses, and CRM and Books, which it does not."""
    await world.connection.execute("UPDATE watches SET at = now() - interval '60 days' WHERE name = 'scopes'")
    key = await aged(world, 60, scopes=["PSA", "CRM", "Books"], **fields)
    await uses(world, key, "PSA")
    await _looked(world)
    return key


async def uses(world: World, key: Key, scope: str) -> None:
    """A use that was noted today removes the finding, as a flush does."""
    await world.connection.execute("INSERT INTO scope_uses VALUES ($1, $2, utc_today())", key["id"], scope)
    await world.connection.execute("DELETE FROM findings WHERE key_id = $1 AND kind = 'unused_scopes'", key["id"])


async def sudden_change(world: World, **fields: Any) -> Key:
    key = await aged(world, 20, **fields)
    await world.connection.execute(
        "INSERT INTO findings (key_id, kind, tenant, created_at, since, detail)"
        " SELECT id, 'sudden_change', tenant, created_at, now(), $2::text::jsonb FROM keys WHERE id = $1",
        key["id"],
        _CHANGE,
    )
    return key


async def _looked(world: World) -> None:
    assert await findings.look(world.connection, pause_s=0)
