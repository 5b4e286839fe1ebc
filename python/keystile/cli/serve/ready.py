"""Waiting until the Hub answers that it is ready."""

from __future__ import annotations

import asyncio

import httpx

from keystile.cli.failure import CommandError
from keystile.cli.output import note

_QUARANTINED = '"quarantined"'
LONGEST_S = 60.0
_PAUSE_S = 0.05


async def until_ready(url: str) -> None:
    """Ask /readyz until it says yes, or that no gate may decide; after a minute of no, CommandError with the answer."""
    last = "no answer"
    try:
        async with asyncio.timeout(LONGEST_S), httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while True:
                try:
                    response = await client.get(f"{url}/readyz")
                    if response.status_code == 200:
                        return
                    if _QUARANTINED in response.text:
                        note("The database is in quarantine: every gate refuses until `keystile db restore` is done.")
                        return
                    last = f"status {response.status_code}: {response.text[:200]}"
                except httpx.HTTPError as error:
                    last = str(error) or type(error).__name__
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise CommandError(f"the Hub at {url} does not become ready: {last}") from None
