"""Brings a database to the state that serving needs."""

from __future__ import annotations

from keystile.hub.bootstrap import bootstrap
from keystile.hub.demo.seed import seed
from keystile.hub.operators.service import LINK_PATH
from keystile.hub.sessions.service import first_link
from keystile.pepper import pepper_bytes
from keystile.settings import Settings
from keystile.store.fitness import check_fitness
from keystile.store.migrate import migrate
from keystile.store.pool import connect

_ANY_KEY = "SELECT EXISTS (SELECT FROM keys)"


async def prepare(settings: Settings, url: str) -> str | None:
    """Migrate, make the first key, and add the sample data where it is asked for. Safe to repeat.

    Gives the path of a console link while there is no operator who could sign in.
    """
    await check_fitness(url, migrated=False)
    connection = await connect(url)
    try:
        await migrate(connection)
        # A pepper that was lost must not be replaced in silence: no key would be recognised any more.
        pepper_bytes(settings, create=not await connection.fetchval(_ANY_KEY))
        await bootstrap(connection, settings)
        if settings.demo:
            await seed(connection, settings)
        token = await first_link(connection)
        return None if token is None else LINK_PATH + token
    finally:
        await connection.close()
