"""Keystile's own PostgreSQL: a child process that lives in the data folder and ends with its parent."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

import msgspec

from keystile.errors import StoreError
from keystile.process import FolderLock
from keystile.store import roles
from keystile.store.binaries import Binaries, find_binaries
from keystile.store.cluster import Cluster
from keystile.store.launch import DATA, Plan
from keystile.store.leftovers import clear_leftovers
from keystile.store.pool import FAILURES
from keystile.store.server_log import ServerLog
from keystile.store.socket_path import SocketPath

_READY_S = 60.0
_INIT_S = 120.0
_STEP_S = 0.01
_STEP_S = 0.01
_FAST_STOP_S = 20.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_SETTLED_S = 30.0

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """One server in DATA/postgres. Reached by a Unix socket only, and by this operating-system user only."""

    def __init__(self, data: Path, *, binaries: Path | None = None) -> None:
        """`data` is made if it is missing. `binaries`: a folder with the programs, instead of looking for one."""
        self._data = data.absolute()
        self._cluster = Cluster(self._data)
        self._log = ServerLog(self._data / "postgres.log")
        self._socket = SocketPath(self._cluster.folder)
        self._wanted_binaries = binaries
        self._lock: FolderLock | None = None
        self._process: Process | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """Where the database `keystile` is, for its role of the same name, which is no superuser."""
        return self._socket.url(roles.ROLE, roles.DATABASE)

    @property
    def admin_url(self) -> str:
        """The same server for its superuser."""
        return self._socket.url(roles.ADMIN, roles.ADMIN_DATABASE)

    @property
    def pid(self) -> int | None:
        """The server's process; None while there is none."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers.

        StoreError when the data folder is in use or the server cannot start. Call it from the main thread: the
        server ends with the thread that started it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the server would end with this thread; start it from the main thread")
        self._stopping = False
        try:
            # Open to nobody else: the server gets its own folder as a handle and needs nothing above it.
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._lock or FolderLock(self._data)
            await self._start_server()
        except OSError as error:
            await self.stop()
            raise StoreError(f"the data folder {self._data} cannot be used: {error}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything is on disk. Lets the folder go."""
        self._stopping = True
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            await _end(process)
        self._socket.remove()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def watch(self) -> None:
        """Start the server again whenever it dies, until cancelled or stopped. Committed work is still there."""
        loop = asyncio.get_running_loop()
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            since_s = loop.time()
            if self._process is not None:
                await self._process.wait()
            if self._stopping:
                return
            if loop.time() - since_s > _SETTLED_S:
                pause_s = _FIRST_PAUSE_S
            logger.warning("PostgreSQL has ended; starting it again")
            await asyncio.sleep(pause_s)
            if self._stopping:
                return
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            try:
                await self._start_server()
            except FAILURES as error:
                logger.error("PostgreSQL cannot be started again: %s", error)  # noqa: TRY400  it is no bug

    async def _start_server(self) -> None:
        self._cluster.check_owner()
        binaries = await asyncio.to_thread(find_binaries, self._cluster.major(), self._wanted_binaries)
        if self._cluster.exists():
            await clear_leftovers(self._cluster.folder)
        else:
            await self._create(binaries)
        self._socket.prepare()
        self._log.rotate()
        plan = self._plan(
            binaries, "postgres", ["-D", DATA, *self._cluster.settings()], self._cluster.folder, signal.SIGINT
        )
        self._process = await self._launch(plan)
        await self._until_ready(self._process)

    async def _create(self, binaries: Binaries) -> None:
        """Run initdb beside the final place and move the result there: a cluster is whole or not there."""
        if self._cluster.draft.exists():
            await clear_leftovers(self._cluster.draft)
        draft = self._cluster.make_draft()
        arguments = self._cluster.init_arguments(binaries.major)
        process = await self._launch(self._plan(binaries, "initdb", ["-D", DATA, *arguments], draft, signal.SIGTERM))
        try:
            status = await asyncio.wait_for(process.wait(), _INIT_S)
        except BaseException:
            await _end(process)
            raise
        if status != 0:
            raise StoreError(f"the database cannot be created in {self._data}:\n{self._log.tail()}")
        self._cluster.adopt_draft()

    def _plan(
        self, binaries: Binaries, program: str, arguments: list[str], folder: Path, end_signal: signal.Signals
    ) -> Plan:
        return Plan(
            parent=os.getpid(),
            end_signal=end_signal,
            binaries=str(binaries.folder),
            installation=str(binaries.installation),
            program=program,
            arguments=arguments,
            data=str(folder),
            user=self._cluster.server_user(),
            files=self._cluster.access_files() if program == "postgres" else {},
        )

    async def _launch(self, plan: Plan) -> Process:
        environment = {name: text for name, text in os.environ.items() if not name.startswith(("KEYSTILE_", "PG"))}
        with self._log.open() as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "keystile.store.launch",
                msgspec.json.encode(plan).decode(),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                # Ctrl-C in a terminal must not reach the server while the rest still needs it.
                start_new_session=True,
            )

    async def _until_ready(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _READY_S
        while True:
            try:
                return await roles.ensure(self.admin_url)
            except FAILURES as error:
                if process.returncode is not None:
                    raise StoreError(f"PostgreSQL did not start:\n{self._log.tail()}") from None
                if loop.time() > deadline_s:
                    await _end(process)
                    raise StoreError(f"PostgreSQL does not answer ({error}):\n{self._log.tail()}") from None
            await asyncio.sleep(_STEP_S)


async def _end(process: Process) -> None:
    """A fast shutdown; an immediate one if that takes too long, after which the next start recovers."""
    for number, patience_s in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _FAST_STOP_S)):
        if process.returncode is None:
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            continue
        return
    process.kill()
    await process.wait()
