"""The agent's process ends when it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys

from keystile.settings import Settings, encode

STUBBORN = """
import asyncio
from keystile.agent import process

class Stubborn:
    def __init__(self, *_):
        self.ready = asyncio.Event()

    async def run(self):
        self.ready.set()
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

process.Agent = Stubborn
process._GRACE_S = 0.2
raise SystemExit(process.main())
"""


def test_one_that_waits_for_ever_ends_all_the_same() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", pepper="00" * 32)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(settings))
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
