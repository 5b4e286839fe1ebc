"""A machine: a network of its own (a proxy), a segment of its own, agents, and workers without a database.

Several of them live on one computer. Every process asks the kernel to be ended with the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

import msgspec

from keystile import Gate
from keystile.errors import GateError
from tests.faults.proxy import Proxy
from tests.faults.worker import Change, Orders
from tests.processes.serving import command_line, parents

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
"""How long something may take on a busy machine that takes a second on a quiet one."""
_AGENT = """
import sys
from keystile.process import die_with_parent
die_with_parent(9, parent=int(sys.argv.pop(1)))
for mutation in sys.argv.pop(1).split():
    import tests.faults.mutations
    getattr(tests.faults.mutations, mutation)()
from keystile.cli.main import main
main()
"""
_STEP_S = 0.005


async def until(condition: Callable[[], object], what: str, *, longest_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds; AssertionError with `what` if it takes too long."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + longest_s
    while True:
        found = condition()
        if await found if isinstance(found, Awaitable) else found:
            return
        assert loop.time() < deadline_s, f"it did not happen in time: {what}"
        await asyncio.sleep(_STEP_S)


class Machine:
    """Number, network, segment, agents and workers."""

    def __init__(self, number: int, folder: Path, proxy: Proxy, environment: dict[str, str]) -> None:
        """`environment`: the settings of its agents, as KEYSTILE_… variables."""
        self.number = number
        self.proxy = proxy
        self.folder = folder / f"machine-{number}"
        self.folder.mkdir(mode=0o700)
        self.segment = self.folder / "gate"
        self.environment = {**environment, "KEYSTILE_DATA": str(self.folder), "KEYSTILE_SEGMENT": str(self.segment)}
        self.agents: list[Process] = []
        self.workers: list[Process] = []
        self._names = count(1)

    @property
    def output(self) -> Path:
        """What its agents wrote."""
        return self.folder / "agent.txt"

    def gate(self) -> Gate | None:
        """Its gate now, if there is one."""
        try:
            return Gate.attach(self.segment)
        except GateError:
            return None

    @property
    def fresh(self) -> bool:
        """Whether its gate can decide."""
        gate = self.gate()
        return gate is not None and gate.fresh

    def applied(self, revision: int) -> bool:
        """Whether its gate can decide and knows of everything up to a revision."""
        gate = self.gate()
        return gate is not None and gate.fresh and gate.applied_revision >= revision

    async def start_agent(self, *mutations: str, command: Sequence[str] = ("agent",)) -> Process:
        """One agent more: `keystile agent`, or another command. `mutations`: mechanisms to take out of it."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("KEYSTILE_")}
        with self.output.open("ab") as output:
            agent = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _AGENT,
                str(os.getpid()),
                " ".join(mutations),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**inherited, **self.environment},
            )
        self.agents.append(agent)
        return agent

    async def start_hub(self, *mutations: str) -> Process:
        """An agent that serves the Hub too; `url` says where."""
        self.output.unlink(missing_ok=True)
        hub = await self.start_agent(*mutations, command=("serve", "--port", "0", "--workers", "2"))
        await until(lambda: self.url is not None, f"{self.output} tells of a good start")
        return hub

    @property
    def url(self) -> str | None:
        """Where its Hub is, once there is one."""
        found = re.search(r"Hub +(http://\S+)", self.output.read_text())
        return found.group(1) if found else None

    def hub_workers(self) -> list[int]:
        """The processes that answer HTTP."""
        mine = {agent.pid for agent in self.agents}
        tree = parents()
        return [pid for pid, parent in tree.items() if parent in mine and b"keystile.hub.worker" in command_line(pid)]

    async def start_worker(
        self, logs: Path, secrets: dict[int, str], *, pause_ms: float = 4.0, url: str | None = None
    ) -> Process:
        """One worker more, which begins with `secrets` (number → secret); with a `url`, it asks that Hub."""
        orders = Orders(
            parent=os.getpid(),
            segment=str(self.segment),
            log=str(logs / f"{self.number}-{next(self._names)}.log"),
            gate=self.number,
            pause_ms=pause_ms,
            secrets=secrets,
            url=url,
        )
        worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.faults.worker", stdin=PIPE, cwd=ROOT)
        self.workers.append(worker)
        _write(worker, msgspec.json.encode(orders))
        return worker

    def tell(self, number: int, secret: str | None) -> None:
        """Every worker checks one secret more, or (None) one less."""
        for worker in self.workers:
            _write(worker, msgspec.json.encode(Change(number, secret)))

    async def kill(self, process: Process) -> None:
        """kill -9, and wait for the end."""
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        for group in (self.agents, self.workers):
            if process in group:
                group.remove(process)

    async def stop_workers(self) -> None:
        """The workers finish their request and end."""
        workers, self.workers = self.workers, []
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        for worker in workers:
            status = await asyncio.wait_for(worker.wait(), PATIENCE_S)
            assert status == 0, f"a worker failed with status {status}"

    async def stop_agents(self) -> None:
        """The agents flush once more and end."""
        agents, self.agents = self.agents, []
        for agent in agents:
            with contextlib.suppress(ProcessLookupError):
                agent.send_signal(signal.SIGCONT)
                agent.terminate()
        for agent in agents:
            await asyncio.wait_for(agent.wait(), PATIENCE_S)

    async def destroy(self) -> None:
        """End everything at once."""
        for process in [*self.agents, *self.workers]:
            await self.kill(process)


def _write(worker: Process, line: bytes) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(OSError):
        worker.stdin.write(line + b"\n")
