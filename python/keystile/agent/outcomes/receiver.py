"""All ways by which a machine hears how requests ended."""

from __future__ import annotations

import asyncio

from keystile._core import Writer
from keystile.address_settings import listening_address
from keystile.agent.outcomes.intake import Intake
from keystile.agent.outcomes.listener import Listener
from keystile.agent.outcomes.tail import Tail
from keystile.settings import Settings


async def receive(settings: Settings, writer: Writer) -> None:
    """Hear and count outcomes as the settings say, until cancelled; without such settings it does nothing."""
    intake = Intake(writer)
    async with asyncio.TaskGroup() as tasks:
        if settings.outcomes_listen is not None:
            host, port = listening_address("outcomes_listen", settings.outcomes_listen)
            tasks.create_task(Listener(host, port, intake).run(), name="outcomes listener")
        for path in settings.outcomes_files:
            tasks.create_task(Tail(path, intake).run(), name=f"outcomes of {path.name}")
        if settings.outcomes_listen is not None or settings.outcomes_files:
            tasks.create_task(intake.tell(), name="outcomes teller")
