"""The objects of decisions: each says what was decided, however many there are and whatever became of others."""

from __future__ import annotations

import gc
import random
import threading
from pathlib import Path

import pytest

from keystile import Decision, Gate
from tests.unit.gates import private_gate, put_key


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return private_gate(tmp_path)


def test_a_decision_that_is_held_stays_as_it_is(gate: Gate) -> None:
    """Objects are used again; one that somebody holds is not."""
    keys = [put_key(gate, tier="Unlimited", tenant=f"t{number}") for number in range(100)]
    psa, crm = gate.scope("PSA"), gate.scope("CRM")
    chance = random.Random(7)
    held: list[tuple[Decision, tuple[object, ...]]] = []
    for _ in range(20_000):
        number = chance.randrange(100)
        key_id, secret = keys[number]
        scope, code = chance.choice([(psa, "ok"), (crm, "insufficient_scope")])
        held.append((gate.check(secret, scope), (key_id, f"t{number}", code)))
        # Let go of some, in any order, so that their objects come up for use again.
        while len(held) > chance.randrange(1, 200):
            decision, said = held.pop(chance.randrange(len(held)))
            assert (decision.key_id, decision.tenant, decision.code) == said
    for decision, said in held:
        assert (decision.key_id, decision.tenant, decision.code) == said


def test_each_decision_is_finished_once(gate: Gate) -> None:
    """Also when its object has been another decision before, which was finished too."""
    _, secret = put_key(gate, tier="Unlimited")
    seen = set()
    for _ in range(1_000):
        decision = gate.check(secret)
        seen.add(id(decision))
        gate.finish(decision, 503)
        gate.finish(decision, 503)
        del decision
    assert len(seen) < 1_000, "no object was used again, so nothing was tested"
    assert sum(1 for _ in range(10) if gate.check(secret)) == 10


def test_threads_get_decisions_of_their_own(gate: Gate) -> None:
    keys = [put_key(gate, tier="Unlimited") for _ in range(4)]
    wrong: list[str] = []
    barrier = threading.Barrier(4)

    def check(key_id: str, secret: str) -> None:
        barrier.wait()
        for _ in range(20_000):
            first, second = gate.check(secret), gate.check("tos_nonsense")
            if (first.key_id, first.code, second.key_id) != (key_id, "ok", None):
                wrong.append(repr(first))

    threads = [threading.Thread(target=check, args=key) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_gate_can_be_let_go_of(tmp_path: Path) -> None:
    """A decision outlives its gate, and neither keeps the other's memory for ever."""
    gate = private_gate(tmp_path)
    _, secret = put_key(gate)
    decision = gate.check(secret)
    gone = mapped(tmp_path)
    del gate
    gc.collect()
    assert decision.tier == "Standard"
    assert mapped(tmp_path) == gone
    del decision
    gc.collect()
    assert mapped(tmp_path) == 0


def mapped(folder: Path) -> int:
    """How many mappings this process has of files in `folder`."""
    return Path("/proc/self/maps").read_text().count(str(folder))
