"""What imported keys cost those that are not imported, and how fast keys are imported."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.measure import for_each, in_turns
from benchmarks.worlds import LARGEST, MALFORMED, UNKNOWN
from keystile import Gate, KeyRecord, mint, new_key_id
from keystile._core import Writer, boottime, digest_of_sha256
from keystile.process import without_our_variables
from keystile.settings import Settings, segment_path

pytestmark = [pytest.mark.benchmark(group="import"), pytest.mark.timeout(3_600)]

KEYS = figures.sized(5_000, 10_000, 1_000_000)
CALLS = 5_000
ROUNDS = figures.sized(11, 41, 101)
IMPORTED = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc"
PEPPER = b"p" * 32
PROGRAM = [sys.executable, "-c", "from keystile.cli.main import main; main()"]


def gate_with(folder: Path, name: str, *, imported: bool) -> tuple[Gate, bytes]:
    """A gate that knows a key of ours, or an imported one too; and the secret of ours."""
    writer = Writer.open(
        folder / name,
        capacity=1_000,
        prefix="tos_",
        peppers=[PEPPER],
        failure_rate=1,
        failure_burst=1,
        allow_stale=False,
    )
    writer.set_catalogue(["PSA"], [("Unlimited", LARGEST, LARGEST)])
    writer.refresh(bytes(16), 1, boottime() + 3_600 * 10**9)
    secret = mint().encode()
    if imported:
        writer.expect_imported()
    for text in (secret, IMPORTED) if imported else (secret,):
        digest = digest_of_sha256(hashlib.sha256(text).digest(), PEPPER)
        writer.put(KeyRecord(new_key_id(), digest, scopes=["PSA"], tier="Unlimited"))
    return writer.gate(), secret


def test_what_the_others_pay(benchmark: BenchmarkFixture, folder: Path) -> None:
    (without, own), (beside, other) = (
        gate_with(folder, str(imported), imported=imported) for imported in (False, True)
    )
    subjects = {
        "ours, without": for_each(without.check, [own] * CALLS, without.scope("PSA")),
        "ours, beside": for_each(beside.check, [other] * CALLS, beside.scope("PSA")),
        "unknown, without": for_each(without.check, [UNKNOWN] * CALLS, without.scope("PSA")),
        "unknown, beside": for_each(beside.check, [UNKNOWN] * CALLS, beside.scope("PSA")),
        "malformed, without": for_each(without.check, [MALFORMED] * CALLS, without.scope("PSA")),
        "malformed, beside": for_each(beside.check, [MALFORMED] * CALLS, beside.scope("PSA")),
        "imported, beside": for_each(beside.check, [IMPORTED] * CALLS, beside.scope("PSA")),
        "imported, without": for_each(without.check, [IMPORTED] * CALLS, without.scope("PSA")),
    }
    assert (without.check(own).code, beside.check(other).code) == ("ok", "ok")
    assert (without.check(IMPORTED).code, beside.check(IMPORTED).code) == ("malformed_key", "ok")
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=ROUNDS), rounds=1)
    group = "imported keys"
    for name, target in (("ours", 1.05), ("unknown", 1.05), ("malformed", None)):
        ratio = turns.ratio(f"{name}, beside", f"{name}, without")
        figures.ratio(group, f"a check, {name}: beside imported keys ÷ without", ratio, at_most=target)
    figures.ratio(group, "a check of an imported key ÷ of ours", turns.ratio("imported, beside", "ours, beside"))


@contextlib.contextmanager
def serving(data: Path) -> Iterator[None]:
    """A whole Hub on a data folder."""
    running = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=without_our_variables(),  # `make bench` has one of its own, which is no setting
    )
    try:
        while not segment_path(Settings(data=data)).exists() or command(data, "keys", "list", "--limit", "1") is None:
            assert running.poll() is None
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(60)
        segment = segment_path(Settings(data=data))
        segment.unlink(missing_ok=True)
        segment.with_name(f"{segment.name}.lock").unlink(missing_ok=True)


def command(data: Path, *words: str) -> dict[str, int] | None:
    """What a command answers; None if it cannot."""
    done = subprocess.run(
        [*PROGRAM, *words, "--json", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env=without_our_variables(),
    )
    return json.loads(done.stdout) if done.returncode == 0 else None  # type: ignore[no-any-return]


def test_import(benchmark: BenchmarkFixture) -> None:
    seconds: list[float] = []
    with tempfile.TemporaryDirectory(prefix="keystile-bench-") as folder:
        file, data = Path(folder) / "keys.csv", Path(folder) / "data"
        lines = (f"Client {n},sk_{hashlib.sha256(str(n).encode()).hexdigest()[:32]},PSA CRM\n" for n in range(KEYS))
        with file.open("w") as stream:
            stream.writelines(("name,secret,scopes\n", *lines))

        def once() -> None:
            started = time.perf_counter()
            answer = command(data, "keys", "import", str(file))
            seconds.append(time.perf_counter() - started)
            assert answer is not None
            assert answer["imported" if len(seconds) == 1 else "existed"] == KEYS

        with serving(data):
            benchmark.pedantic(once, rounds=2)
    figures.amount("imported keys", f"{KEYS:,} keys in one command", seconds[0], "s")
    figures.amount("imported keys", "keys imported a second", KEYS / seconds[0], "/s")
    figures.ratio("imported keys", "the same command again ÷ the first time", seconds[1] / seconds[0])
