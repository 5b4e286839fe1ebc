"""`keystile bench`: what a check costs on this machine, as ratios to what is measured beside it."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import rich_click as click

from keystile.cli.context import Context, LocalCommand, pass_context
from keystile.cli.output import note, print_json, print_table

_LARGEST = 1_000_000_000
_CALLS = 20_000
_ROUNDS = 9
_UNKNOWN = b"tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where gates lie in production, and in a folder of our own there

Work = Callable[[], int]


class Row(NamedTuple):
    """One ratio: a time of `subject` over that of `baseline`, the median of rounds that took turns."""

    subject: str
    baseline: str
    ratio: float
    subject_ns: float


@click.command(cls=LocalCommand)
@click.option(
    "--keys",
    type=click.IntRange(1_000, 1_000_000),
    default=100_000,
    show_default=True,
    help="Keys of the larger gate.",
)
@pass_context
def bench(context: Context, keys: int) -> None:
    """Measure checks on this machine for a few seconds, in a private gate that is removed afterwards.

    Both sides of a ratio take turns in the same run, so that other programs disturb both alike.
    """
    if not context.json:
        note("measuring; this takes a few seconds ...")
    with tempfile.TemporaryDirectory(prefix="keystile-bench-", dir=_shared_memory()) as folder:
        rows = [*_one_key(Path(folder)), *_many_keys(Path(folder), keys)]
    if context.json:
        print_json({"keys": keys, "ratios": [row._asdict() for row in rows]})
    else:
        cells = ((row.subject, row.baseline, f"{row.ratio:.2f}", f"{row.subject_ns:,.0f} ns") for row in rows)
        print_table(("what", "÷ what", "ratio", "time"), cells)


def _shared_memory() -> Path | None:
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


def _one_key(folder: Path) -> list[Row]:
    gate, (secret,) = _gate(folder / "one", keys=1)
    spent = _put(gate, "Exhausted")
    one, other = gate.scope("Read"), gate.scope("Write")
    gate.check(spent, one)
    times = _in_turns(
        {
            "check": _checks(gate, [secret] * _CALLS, one),
            "hashlib.sha256": _hashes([secret] * _CALLS),
            "hashlib + hmac, without a limit": _python_checks([secret] * (_CALLS // 10)),
            "check, insufficient_scope": _checks(gate, [secret] * _CALLS, other),
            "check, rate_limited": _checks(gate, [spent] * _CALLS, one),
            "check, unknown_key": _checks(gate, [_UNKNOWN] * _CALLS, one),
        }
    )
    refusals = [name for name in times if name.startswith("check, ")]
    return [
        _row(times, "check", "hashlib.sha256"),
        _row(times, "hashlib + hmac, without a limit", "check"),
        *(_row(times, refusal, "check") for refusal in refusals),
    ]


def _many_keys(folder: Path, count: int) -> list[Row]:
    gate, secrets = _gate(folder / "many", keys=count)
    random.Random(count).shuffle(secrets)  # noqa: S311 - an order, not a secret
    name = f"check, {count:,} keys in random order"
    times = _in_turns({name: _checks(gate, secrets, gate.scope("Read")), "hashlib.sha256": _hashes(secrets)})
    return [_row(times, name, "hashlib.sha256")]


def _gate(path: Path, *, keys: int) -> tuple[Any, list[bytes]]:
    """A private gate and the secrets of its keys."""
    # Imported late: the gate's module is compiled code that no other command needs.
    core = importlib.import_module("keystile._core")
    tiers = [("Unlimited", _LARGEST, _LARGEST), ("Exhausted", 1, 1)]
    gate = core.Gate.open(path, scopes=["Read", "Write"], tiers=tiers)
    return gate, [_put(gate, "Unlimited") for _ in range(keys)]


def _put(gate: Any, tier: str) -> bytes:
    core = importlib.import_module("keystile._core")
    secret: bytes = core.mint().encode()
    gate.put(core.KeyRecord(core.new_key_id(), gate.digest(secret), scopes=["Read"], tier=tier))
    return secret


def _checks(gate: Any, secrets: Sequence[bytes], scope: Any) -> Work:
    check = gate.check

    def work() -> int:
        for secret in secrets:
            check(secret, scope)
        return len(secrets)

    return work


def _hashes(secrets: Sequence[bytes]) -> Work:
    sha256 = hashlib.sha256

    def work() -> int:
        for secret in secrets:
            sha256(secret).digest()
        return len(secrets)

    return work


def _python_checks(secrets: Sequence[bytes]) -> Work:
    """The least that a check written in Python does: a keyed digest, a look-up, a comparison in constant time."""
    pepper = os.urandom(32)

    def digest(secret: bytes) -> bytes:
        return hmac.digest(pepper, hashlib.sha256(secret).digest(), "sha256")

    known = {digest(secret)[:8]: digest(secret) for secret in set(secrets)}

    def work() -> int:
        for secret in secrets:
            found = digest(secret)
            hmac.compare_digest(known[found[:8]], found)
        return len(secrets)

    return work


def _in_turns(subjects: Mapping[str, Work]) -> dict[str, list[float]]:
    """Nanoseconds of one call of each, one for each round; a first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(_ROUNDS + 1):
        for name, work in subjects.items():
            started = time.perf_counter_ns()
            calls = work()
            if number > 0:
                times[name].append((time.perf_counter_ns() - started) / calls)
    return times


def _row(times: Mapping[str, Sequence[float]], subject: str, baseline: str) -> Row:
    pairs = zip(times[subject], times[baseline], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return Row(subject, baseline, ratio, statistics.median(times[subject]))
