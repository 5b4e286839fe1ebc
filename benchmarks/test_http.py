"""Requests a second of whole applications, beside the same without a gate: the same server, rounds in turns."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import figures
from benchmarks.http.apps import HAS_PLUGIN
from benchmarks.http.load import WRK
from benchmarks.http.servers import Server, serving
from benchmarks.worlds import Standing

pytestmark = [pytest.mark.benchmark(group="http"), pytest.mark.timeout(600)]

ROUNDS = figures.sized(3, 15, 31)
SECONDS = 1.0 if figures.FULL or (WRK is not None and not figures.QUICK) else 0.3
TITLES = {
    "bare": "Litestar",
    "middleware": "Litestar with KeystileMiddleware",
    "plugin": "Litestar with KeystilePlugin",
    "litestar_limiter": "Litestar with its RateLimitMiddleware",
    "authz": "/v1/authz",
    "authz_by_asgi": "/v1/authz by ASGI",
    "empty": "empty ASGI application",
    "headers_only": "empty ASGI application with as many headers",
}


class Sample(NamedTuple):
    """What one server did in one round."""

    rate: float
    cpu_s: float
    """Processor time for each request."""


def measured(servers: list[Server]) -> dict[str, list[Sample]]:
    """All servers once in each round."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            before = server.cpu_s()
            rate = server.rate(SECONDS)
            samples[server.name].append(Sample(rate, (server.cpu_s() - before) / (rate * SECONDS)))
    return samples


def report(samples: dict[str, list[Sample]], subject: str, baseline: str, *, at_least: float | None = None) -> None:
    pairs = list(zip(samples[subject], samples[baseline], strict=True))
    title = f"{TITLES[subject]} ÷ {TITLES[baseline]}"
    rate = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    figures.ratio("requests a second", title, rate, at_least=at_least)
    cpu = statistics.median(ours.cpu_s / theirs.cpu_s for ours, theirs in pairs)
    figures.ratio("processor time a request", title, cpu)


def amounts(samples: dict[str, list[Sample]]) -> None:
    for name, found in samples.items():
        figures.amount("requests a second", TITLES[name], statistics.median(sample.rate for sample in found), "/s")


def test_litestar(benchmark: BenchmarkFixture, world: Standing) -> None:
    names = ["bare", "middleware", *(["plugin"] if HAS_PLUGIN else []), "litestar_limiter"]
    with serving(names, world) as servers:
        samples = benchmark.pedantic(lambda: measured(servers), rounds=1)
    report(samples, "middleware", "bare", at_least=0.95)
    if HAS_PLUGIN:
        report(samples, "plugin", "bare", at_least=0.95)
    report(samples, "litestar_limiter", "bare")
    amounts(samples)


def test_authz(benchmark: BenchmarkFixture, world: Standing) -> None:
    with serving(["authz", "authz_by_asgi", "empty", "headers_only"], world) as servers:
        samples = benchmark.pedantic(lambda: measured(servers), rounds=1)
    report(samples, "authz", "empty", at_least=0.85)
    report(samples, "authz_by_asgi", "empty")
    report(samples, "headers_only", "empty")
    amounts(samples)
