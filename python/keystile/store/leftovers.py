"""Servers of a former run: found by their working folder, waited for, and ended if need be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from keystile.errors import StoreError

# How long after the first look each signal goes out: a fast shutdown, an immediate one, and the end.
_ESCALATION_S = ((0.0, signal.SIGINT), (5.0, signal.SIGQUIT), (8.0, signal.SIGKILL))
_DEADLINE_S = 15.0
_STEP_S = 0.02
_PID_FILES = ("postmaster.pid", ".s.PGSQL.5432.lock")


async def clear_leftovers(cluster: Path) -> None:
    """Wait until no server works in `cluster`, and remove pid files that would keep a new one from starting.

    Only for the holder of the data folder's lock: any server that still runs there has lost its owner.
    """
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    escalation = list(_ESCALATION_S)
    while servers := _servers_in(cluster):
        waited_s = loop.time() - started_s
        if waited_s > _DEADLINE_S:
            raise StoreError(f"a PostgreSQL server (pid {servers[0]}) still runs in {cluster} and cannot be ended")
        if escalation and waited_s >= escalation[0][0]:
            number = escalation.pop(0)[1]
            for pid in servers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        await asyncio.sleep(_STEP_S)
    for name in _PID_FILES:
        _drop_pid_file(cluster / name)


def _servers_in(cluster: Path) -> list[int]:
    """Every process of PostgreSQL whose working folder is `cluster`, by whatever name it knows it."""
    folder = cluster.stat()
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # A process of somebody else cannot be looked at; one that just ended is gone.
        with contextlib.suppress(OSError):
            if os.path.samestat((entry / "cwd").stat(), folder) and _is_postgres(entry):
                pids.append(int(entry.name))
    return sorted(pids)


def _is_postgres(entry: Path) -> bool:
    # Not by the file it runs: after an upgrade that is gone, and another user's cannot be read.
    return (entry / "comm").read_text().strip() in {"postgres", "initdb"}


def _drop_pid_file(path: Path) -> None:
    """Remove a pid file whose pid exists: PostgreSQL would take whatever has it by now for a server.

    That may be another program, or the old server itself, dead but not collected by its parent.
    """
    try:
        pid = int(path.read_text("ascii").split("\n", 1)[0])
        os.kill(abs(pid), 0)
    except PermissionError:
        pass
    except (OSError, ValueError):
        return
    path.unlink(missing_ok=True)
