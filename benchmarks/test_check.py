"""One check from Python with one key, beside one bare hash and beside what else does the same work."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.baselines import keyshield_service as keyshield
from benchmarks.baselines.pure_python import Hit, PurePythonGate, limits_hit, no_limit, throttled_hit
from benchmarks.baselines.valkey_server import ValkeyServer
from benchmarks.measure import Work, for_each, in_turns
from benchmarks.worlds import MALFORMED, UNKNOWN, Standing

pytestmark = pytest.mark.benchmark(group="check", min_rounds=20)

MOST_HASHES = 1.5
LEAST_SPEEDUP = 4.0
# Short turns and many of them: a disturbance then meets both sides of a ratio, or few of the rounds.
CALLS = 5_000
SLOW_CALLS = 500
ROUNDS = figures.sized(11, 41, 101)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def sha256(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def hashes(secret: bytes, calls: int = CALLS) -> Work:
    hasher = hashlib.sha256

    def work() -> int:
        for again in [secret] * calls:
            hasher(again).digest()
        return calls

    return work


def checks(world: Standing, calls: int = CALLS) -> Work:
    return for_each(world.gate.check, [world.secret] * calls, world.psa)


def pure_python(world: Standing, hit: Hit, calls: int = SLOW_CALLS) -> Work:
    pure = PurePythonGate(world.pepper, hit)
    pure.put([world.secret])
    assert pure.check(world.secret, "PSA")
    return for_each(pure.check, [world.secret] * calls, "PSA")


def test_sha256(benchmark: BenchmarkFixture, world: Standing) -> None:
    benchmark(sha256, world.secret)


def test_allowed(benchmark: BenchmarkFixture, world: Standing) -> None:
    assert benchmark(world.gate.check, world.secret, world.psa)


def test_insufficient_scope(benchmark: BenchmarkFixture, world: Standing) -> None:
    assert not benchmark(world.gate.check, world.secret, world.crm)


def test_rate_limited(benchmark: BenchmarkFixture, world: Standing) -> None:
    assert not benchmark(world.gate.check, world.exhausted, world.psa)


def test_unknown_key(benchmark: BenchmarkFixture, world: Standing) -> None:
    assert not benchmark(world.gate.check, UNKNOWN, world.psa)


def test_malformed_key(benchmark: BenchmarkFixture, world: Standing) -> None:
    assert not benchmark(world.gate.check, MALFORMED, world.psa)


def test_a_check_costs_no_more_than_promised(benchmark: BenchmarkFixture, world: Standing) -> None:
    subjects = {
        "gate.check": checks(world),
        "hashlib.sha256": hashes(world.secret),
        "hashlib + hmac, no limiter": pure_python(world, no_limit),
        "hashlib + hmac + limits": pure_python(world, limits_hit()),
        "hashlib + hmac + throttled-py": pure_python(world, throttled_hit(1)),
    }
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=ROUNDS), rounds=1)
    hashed = turns.ratio("gate.check", "hashlib.sha256")
    speedup = turns.ratio("hashlib + hmac + limits", "gate.check")
    figures.ratio("check", "gate.check, one key ÷ hashlib.sha256", hashed, at_most=0.8)
    figures.ratio("check", "hashlib + hmac + limits ÷ gate.check", speedup, at_least=12)
    for name in ("hashlib + hmac + throttled-py", "hashlib + hmac, no limiter"):
        figures.ratio("check", f"{name} ÷ gate.check", turns.ratio(name, "gate.check"))
    for name in subjects:
        figures.amount("time of a check", name, turns.median_s(name) * 1e9, "ns")
    assert hashed <= MOST_HASHES
    assert speedup >= LEAST_SPEEDUP


def test_beside_a_bucket_in_valkey(benchmark: BenchmarkFixture, world: Standing, valkey: ValkeyServer) -> None:
    name = f"hashlib + hmac + Lua in Valkey {valkey.version}"
    subjects = {"gate.check": checks(world), name: pure_python(world, valkey.hit())}
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=ROUNDS), rounds=1)
    figures.ratio("check", f"{name} ÷ gate.check", turns.ratio(name, "gate.check"), at_least=300)
    figures.amount("time of a check", name, turns.median_s(name) * 1e9, "ns")


def test_beside_keyshield(benchmark: BenchmarkFixture, world: Standing, loop: asyncio.AbstractEventLoop) -> None:
    subjects = {
        "gate.check": checks(world),
        "keyshield, cached": keyshield.cached(loop).work(1_000),
        "keyshield, Argon2": keyshield.by_default(loop).work(1),
    }
    turns = benchmark.pedantic(lambda: in_turns(subjects, rounds=5), rounds=1)
    for name in ("keyshield, cached", "keyshield, Argon2"):
        figures.ratio("check", f"{name} ÷ gate.check", turns.ratio(name, "gate.check"))
        figures.amount("time of a check", name, turns.median_s(name) * 1e9, "ns")


def test_a_refusal_costs_no_more_than_a_pass(benchmark: BenchmarkFixture, world: Standing) -> None:
    check, psa = world.gate.check, world.psa
    refusals = {
        "insufficient_scope": for_each(check, [world.secret] * CALLS, world.crm),
        "rate_limited": for_each(check, [world.exhausted] * CALLS, psa),
        "unknown_key": for_each(check, [UNKNOWN] * CALLS, psa),
        "malformed_key": for_each(check, [MALFORMED] * CALLS, psa),
    }
    turns = benchmark.pedantic(lambda: in_turns({"ok": checks(world), **refusals}, rounds=ROUNDS), rounds=1)
    for code in refusals:
        figures.ratio("refusals", f"{code} ÷ ok", turns.ratio(code, "ok"), at_most=1.0)
    for code in turns.seconds:
        figures.amount("time by outcome", code, turns.median_s(code) * 1e9, "ns")
