"""Connections: time limits, and plain words that never hold a password."""

from __future__ import annotations

import pytest

from keystile.errors import StoreError
from keystile.store.pool import connect, open_pool


async def test_limits_and_zone_come_with_every_connection(database_url: str) -> None:
    pool = await open_pool(database_url)
    try:
        for _ in range(2):
            async with pool.acquire() as conn:
                shown = [
                    await conn.fetchval(f"SHOW {name}")
                    for name in ("lock_timeout", "statement_timeout", "TimeZone", "application_name")
                ]
                await conn.execute("SET lock_timeout = 0")
            assert shown == ["5s", "30s", "UTC", "keystile"]
    finally:
        await pool.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@127.0.0.1:1/db",
        "postgresql://user:s3cret@127.0.0.1:port/db",
        "nonsense://user:s3cret@127.0.0.1/db",
        "postgresql://user:s3cret@/db?host=/nonexistent",
        "postgresql://user:s3cret@127.0.0.1:1/db?sslmode=s3cret",
        "s3cret",
        "",
    ],
)
@pytest.mark.parametrize("opener", [connect, open_pool])
async def test_an_unusable_url(url: str, opener: object) -> None:
    with pytest.raises(StoreError) as caught:
        await opener(url)  # type: ignore[operator]
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
