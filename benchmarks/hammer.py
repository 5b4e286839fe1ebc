"""A process that checks one key as fast as it can, on a processor of its own."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from keystile import Gate, Scope

_BATCH = 1_000


class Run(NamedTuple):
    """What to do: check `secret`, or hash it, for so many seconds or until it is refused."""

    secret: bytes
    seconds: float
    hash_only: bool = False
    until_refused: bool = False


class Done(NamedTuple):
    """What was done."""

    calls: int
    admitted: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


class Hammer:
    """The process, waiting for orders."""

    def __init__(self, segment: Path, processor: int) -> None:
        # Started afresh: a forked child would share the parent's gate, not attach like another worker.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(theirs, segment, processor), daemon=True)
        self._process.start()

    def begin(self, run: Run) -> None:
        """Start a run."""
        self._pipe.send(run)

    def done(self) -> Done:
        """Wait until the run is over."""
        found = self._pipe.recv()
        assert isinstance(found, Done)
        return found

    def stop(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(10)


def _main(pipe: Connection, segment: Path, processor: int) -> None:
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[processor % len(processors)]})
    gate = Gate.attach(segment)
    psa = gate.scope("PSA")
    while (run := pipe.recv()) is not None:
        pipe.send(_hash(run) if run.hash_only else _check(run, gate, psa))


def _check(run: Run, gate: Gate, psa: Scope) -> Done:
    check, secret = gate.check, run.secret
    calls = admitted = 0
    started, used = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + run.seconds:
        passed = 0
        for _ in range(_BATCH):
            if check(secret, psa):
                passed += 1
        calls += _BATCH
        admitted += passed
        if run.until_refused and passed == 0:
            break
    return Done(calls, admitted, time.perf_counter() - started, time.process_time() - used)


def _hash(run: Run) -> Done:
    sha256, secret = hashlib.sha256, run.secret
    calls = 0
    started, used = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + run.seconds:
        for _ in range(_BATCH):
            sha256(secret).digest()
        calls += _BATCH
    return Done(calls, 0, time.perf_counter() - started, time.process_time() - used)
