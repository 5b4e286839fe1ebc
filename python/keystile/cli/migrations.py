"""The work of `keystile db`."""

from __future__ import annotations

from keystile.cli.database import borrowed
from keystile.settings import Settings
from keystile.store.migrate import migrate, status
from keystile.store.pool import connect
from keystile.store.records import Migration


async def apply_pending(settings: Settings) -> list[Migration]:
    """Apply what is pending; what was applied."""
    async with borrowed(settings) as url:
        connection = await connect(url)
        try:
            return await migrate(connection)
        finally:
            await connection.close()


async def list_all(settings: Settings) -> list[Migration]:
    """Every migration, applied or not."""
    async with borrowed(settings) as url:
        connection = await connect(url)
        try:
            return await status(connection)
        finally:
            await connection.close()
