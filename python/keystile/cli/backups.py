"""The work of `keystile db backup` and `keystile db restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from keystile.cli.database import borrowed, database
from keystile.settings import Settings
from keystile.store import quarantine
from keystile.store.backup import back_up
from keystile.store.embedded import EmbeddedPostgres
from keystile.store.pool import connect
from keystile.store.restore import Place, Restored, named, restore
from keystile.store.roles import ADMIN_DATABASE, ROLE


class Written(msgspec.Struct, frozen=True):
    """A backup, and its size."""

    file: str
    bytes: int


async def write(settings: Settings, file: Path | None) -> Written:
    """Back the database up, whether it runs or not. StoreError if the file is there already or cannot be written."""
    target = file or Path(f"keystile-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump")
    async with borrowed(settings) as url:
        return Written(str(target), await back_up(url, target))


async def read(settings: Settings, file: Path, *, confirm_loss: bool) -> Restored:
    """Restore a backup. StoreError while `keystile serve` uses the data folder."""
    async with database(settings) as base:
        return await restore(_place(settings, base.url), file, confirm_loss=confirm_loss)


async def end_quarantine(settings: Settings) -> bool:
    """Let gates decide from a restored database, whatever it lacks; False if there was no quarantine."""
    async with borrowed(settings) as url:
        conn = await connect(url)
        try:
            return await quarantine.lift(conn)
        finally:
            await conn.close()


def _place(settings: Settings, url: str) -> Place:
    if settings.database_url is None:
        return Place(url=url, admin_url=EmbeddedPostgres(settings.data).admin_url, owner=ROLE)
    return Place(url=url, admin_url=named(url, ADMIN_DATABASE))
