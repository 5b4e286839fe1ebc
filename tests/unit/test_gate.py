"""The Python face of the gate."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keystile import Gate, KeyRecord, mint, new_key_id
from keystile.errors import GateAbsent, GateBusy, GateError, GateUnusable, UnknownScope
from tests.unit.gates import SCOPES, TIERS, private_gate, put_key
from tests.unit.no_space import ROOM


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


def test_a_decision_explains_itself(gate: Gate) -> None:
    key_id, secret = put_key(gate, tenant="acme")
    decision = gate.check(secret, gate.scope("PSA"))
    assert decision
    assert decision.allowed is True
    assert (decision.status, decision.code, decision.key_id) == (200, "ok", key_id)
    assert (decision.tenant, decision.tier, decision.scopes) == ("acme", "Standard", ["PSA"])
    assert (decision.limit, decision.remaining, decision.retry_after) == (60, 60, None)
    assert decision.reset_at is not None
    assert abs(decision.reset_at - time.time()) <= 2
    assert decision.headers["RateLimit"] == '"standard";r=99;t=1'
    assert dict(decision.asgi_headers)[b"x-ratelimit-limit"] == b"60"
    assert secret not in repr(decision)


def test_bytes_and_str_are_the_same(gate: Gate) -> None:
    _, secret = put_key(gate)
    assert gate.check(secret)
    assert gate.check(secret.encode())


@pytest.mark.parametrize("bad", ["", "x", "\ud800", "tos_" + "é" * 28, b"\xff" * 32, b"\0" * 32, "x" * 40_000])
def test_no_text_is_an_error(gate: Gate, bad: str | bytes) -> None:
    decision = gate.check(bad)
    assert not decision
    assert (decision.status, decision.code, decision.key_id) == (401, "malformed_key", None)
    assert decision.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}


def test_misuse_raises(gate: Gate, tmp_path: Path) -> None:
    _, secret = put_key(gate)
    with pytest.raises(TypeError):
        gate.check(1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one token"):
        gate.check(secret, cost=0)
    with pytest.raises(OverflowError):
        gate.check(secret, cost=-1)
    with pytest.raises(UnknownScope):
        gate.scope("Nonsense")
    other = Gate.open(tmp_path / "other", scopes=SCOPES, tiers=TIERS, capacity=100)
    with pytest.raises(ValueError, match="another gate"):
        gate.check(secret, other.scope("PSA"))


def test_the_errors_of_a_segment(gate: Gate, tmp_path: Path) -> None:
    with pytest.raises(GateBusy):
        private_gate(tmp_path)
    with pytest.raises(GateAbsent):
        Gate.attach(tmp_path / "absent")
    (tmp_path / "junk").write_bytes(b"junk" * 100)
    (tmp_path / "junk").chmod(0o600)
    with pytest.raises(GateUnusable):
        Gate.attach(tmp_path / "junk")
    attached = Gate.attach(gate.path)
    with pytest.raises(GateError, match=r"Gate\.open"):
        attached.put(KeyRecord(new_key_id(), gate.digest(mint()), scopes=[], tier="Standard"))
    with pytest.raises(GateError, match="Nonsense"):
        put_key(gate, tier="Nonsense")


def test_the_burst_passes_and_then_nothing(gate: Gate) -> None:
    for tier, _, burst in TIERS:
        _, secret = put_key(gate, tier=tier)
        start = time.monotonic()
        admitted = sum(bool(gate.check(secret)) for _ in range(burst + 50))
        assert burst <= admitted <= burst + 1 + (time.monotonic() - start) * 17


def test_waiting_for_retry_after_always_gets_through(gate: Gate) -> None:
    _, secret = put_key(gate)
    while gate.check(secret):
        pass
    decision = gate.check(secret)
    assert (decision.status, decision.retry_after, decision.remaining) == (429, 1, 0)
    assert decision.retry_after is not None
    time.sleep(decision.retry_after)
    assert gate.check(secret)


def test_a_cost_takes_several_tokens(gate: Gate) -> None:
    _, secret = put_key(gate)
    assert gate.check(secret, cost=60)
    refused = gate.check(secret, cost=60)
    assert refused.code == "rate_limited"
    assert refused.retry_after == 20
    assert gate.check(secret, cost=40)


def test_only_the_first_finish_counts_and_only_for_what_passed(gate: Gate) -> None:
    _, secret = put_key(gate)
    decision = gate.check(secret)
    for status in (503, 503, 404):
        gate.finish(decision, status)
    # What it added is shown where counters can be read: by the agent's tests. Here: it never raises.
    gate.finish(gate.check("bad"), 500)


def test_threads_share_one_bucket_exactly(gate: Gate) -> None:
    _, secret = put_key(gate, tier="Enterprise")
    admitted: list[int] = []
    barrier = threading.Barrier(4)

    def hammer() -> None:
        barrier.wait()
        admitted.append(sum(bool(gate.check(secret)) for _ in range(1_500)))

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2_000 <= sum(admitted) <= 2_001 + (time.monotonic() - start) * 1_000 / 60


def test_processes_share_one_bucket_exactly(gate: Gate) -> None:
    _, secret = put_key(gate)
    code = """
import sys
from keystile import Gate
gate = Gate.attach(sys.argv[1])
secret = sys.stdin.readline().strip()
print(sum(bool(gate.check(secret)) for _ in range(150)))
"""
    start = time.monotonic()
    command = [sys.executable, "-c", code, os.fspath(gate.path)]
    pipe = subprocess.PIPE
    children = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    outputs = [child.communicate(secret)[0] for child in children]
    admitted = sum(int(output) for output in outputs)
    assert 100 <= admitted <= 101 + (time.monotonic() - start)


def test_revoking_reaches_every_process_at_once(gate: Gate) -> None:
    key_id, secret = put_key(gate)
    attached = Gate.attach(gate.path)
    assert attached.check(secret)
    assert gate.revoke(key_id)
    assert attached.check(secret).code == "revoked_key"
    assert gate.revoke(new_key_id()) is False


def test_expiry_is_judged_by_the_gates_own_clock(gate: Gate) -> None:
    now_ns = time.time_ns()
    _, past = put_key(gate, expires_at_ns=now_ns - 1)
    _, future = put_key(gate, expires_at_ns=now_ns + 60_000_000_000)
    assert gate.check(past).code == "expired_key"
    assert gate.check(future)


def test_attach_without_a_path_reads_the_environment(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTILE_SEGMENT", os.fspath(gate.path))
    assert Gate.attach().path == gate.path


def test_without_space_a_gate_keeps_what_it_has(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.no_space", str(tmp_path / "gate")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{ROOM} no space left for the gate at {tmp_path / 'gate'}")


def test_nobody_has_to_choose_a_capacity(tmp_path: Path) -> None:
    gate = Gate.open(tmp_path / "gate", scopes=SCOPES, tiers=TIERS)
    secrets = [put_key(gate)[1] for _ in range(5_000)]
    assert all(gate.check(secret, gate.scope("PSA")) for secret in secrets)
    about = Path(gate.path).stat()
    assert about.st_size > gate.capacity * 216
    assert about.st_blocks * 512 < 1 << 22
