"""A Hub on a real socket, and Schemathesis before it in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from world import World

from keystile.hub.protocol import HubProtocol

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The world's address, answered with the workers' own protocol."""
    config = uvicorn.Config(world.app, http=HubProtocol, ws="none", lifespan="off", access_log=False, log_config=None)
    server = uvicorn.Server(config)
    # With the protocol named, asyncio sends each part of an answer at once: Nagle's algorithm would delay the second.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        running = asyncio.create_task(server._serve([listener]))  # `serve` would take over the signals of the tests
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


class Fuzzed:
    """What came of a run: whether all was well, what it printed, and which statuses each operation answered."""

    def __init__(self, passed: bool, output: str, seen: dict[str, set[int]]) -> None:
        self.passed = passed
        self.output = output
        self.seen = seen


async def fuzz(world: World, folder: Path, *options: str) -> Fuzzed:
    """Run Schemathesis with the key of the world's operator; `folder` is for what it writes."""
    (own,) = [key["id"] for key in (await world.client.get("/v1/keys")).json()["items"]]
    (spare, _), (_, spare_secret) = await world.issue(), await world.issue()
    seen = folder / "seen"
    seen.touch()
    environment = {
        "CONTRACT_SECRET": world.secret,
        "CONTRACT_OWN_KEY": own,
        "CONTRACT_SPARE_KEY": spare["id"],
        "CONTRACT_SPARE_SECRET": spare_secret,
        "CONTRACT_SEEN": str(seen),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),  # for its tables of characters
        "PYTHONPATH": str(ROOT),
    }
    async with served(world) as url:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"),
            *("--no-color", "--config-file", CONFIG, "run", f"{url}/openapi.json", *options),
            cwd=folder,
            env=os.environ | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    answered: dict[str, set[int]] = defaultdict(set)
    for line in seen.read_text().splitlines():
        operation, _, status = line.rpartition(" ")
        answered[operation].add(int(status))
    return Fuzzed(process.returncode == 0, output.decode(errors="replace"), answered)
