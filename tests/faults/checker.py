"""The one judge of all fault tests: what may never be in a log, whatever went wrong meanwhile.

| rule | never |
|---|---|
| confirmed | an accept starts after the answer that confirmed the end of its secret |
| bound | an accept starts later than the commit of that end plus `stale_after` |
| return | an accept starts after its own gate has refused that secret as ended |
| refused | a good key is refused by a gate that decides, or by anything but what its state explains |
| recovery | a gate does not accept again within a bound after a fault has ended, or never did |
| counted | the database counts other than what was answered |
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.faults.history import Ending, Fault, History
from tests.faults.log import UNDER_WAY, Request

_ENDED = {"revoked_key", "expired_key"}
_USUAL = {"ok", "gate_stale", "no_gate", UNDER_WAY}
_COUNTED = {"ok", "rate_limited", "insufficient_scope", "revoked_key", "disabled_key", "expired_key"}
_MOST_SHOWN = 5


class Violation(NamedTuple):
    """One rule that was broken."""

    rule: str
    text: str


class Bounds(NamedTuple):
    """The promises' numbers; None: the rule does not apply."""

    stale_after_ns: int | None
    recovery_ns: int | None


def check(requests: Iterable[Request], history: History, bounds: Bounds) -> list[Violation]:
    """Everything that is wrong with a run, apart from its counts."""
    ordered = sorted(requests)
    ends = _ends(history)
    found = [*_accepts(ordered, ends, bounds), *_returns(ordered), *_refusals(ordered, ends, history)]
    if bounds.recovery_ns is not None:
        found += _recoveries(ordered, history.faults, bounds.recovery_ns)
    return found


def check_counts(
    requests: Iterable[Request], key_of: list[str], totals: Mapping[str, int], *, unsure: int = 0
) -> list[Violation]:
    """Whether the database counted each key as often as it was answered.

    A request under way at its worker's death may have been counted or not; `unsure` more of each key, where an
    application was told by another process that died.
    """
    answered: Counter[str] = Counter()
    open_: Counter[str] = Counter()
    for request in requests:
        if request.code in _COUNTED:
            answered[key_of[request.secret]] += 1
        elif request.code == UNDER_WAY:
            open_[key_of[request.secret]] += 1
    found = []
    for key_id in {*answered, *open_, *totals}:
        least, most = answered[key_id], answered[key_id] + open_[key_id] + unsure
        if not least <= totals.get(key_id, 0) <= most:
            found.append(Violation("counted", f"{key_id}: {totals.get(key_id, 0)} counted, {least} to {most} answered"))
    return found


def report(violations: Iterable[Violation]) -> str:
    """For people: each rule with its first cases."""
    by_rule = defaultdict(list)
    for violation in violations:
        by_rule[violation.rule].append(violation.text)
    return "\n".join(f"{rule}: {len(texts)}\n  " + "\n  ".join(texts[:_MOST_SHOWN]) for rule, texts in by_rule.items())


def _ends(history: History) -> dict[int, list[Ending]]:
    ends: dict[int, list[Ending]] = defaultdict(list)
    for ending in history.endings:
        for secret in ending.secrets:
            ends[secret].append(ending)
    return ends


def _accepts(ordered: list[Request], ends: Mapping[int, list[Ending]], bounds: Bounds) -> Iterable[Violation]:
    for request in ordered:
        if request.code != "ok":
            continue
        for ending in ends.get(request.secret, ()):
            late = _late_ms(request, ending.confirmed_ns, 0)
            if late is not None:
                yield Violation("confirmed", f"{_name(request)} accepted {late} ms after {ending.kind} was confirmed")
            late = _late_ms(request, ending.committed_ns, bounds.stale_after_ns)
            if late is not None:
                yield Violation("bound", f"{_name(request)} accepted {late} ms past the bound of {ending.kind}")


def _late_ms(request: Request, since_ns: int | None, bound_ns: int | None) -> float | None:
    if since_ns is None or bound_ns is None or request.start_ns <= since_ns + bound_ns:
        return None
    return round((request.start_ns - since_ns - bound_ns) / 1e6, 1)


def _returns(ordered: list[Request]) -> Iterable[Violation]:
    """In the order of their starts: an accept may overlap with the first refusal, but not come after it."""
    refused_ns: dict[tuple[int, int], int] = {}
    for request in ordered:
        place = (request.gate, request.secret)
        if request.code in _ENDED:
            refused_ns[place] = min(request.end_ns, refused_ns.get(place, request.end_ns))
        elif request.code == "ok" and request.start_ns > refused_ns.get(place, request.start_ns):
            yield Violation("return", f"{_name(request)} accepted after the same gate had refused it as ended")


def _refusals(ordered: list[Request], ends: Mapping[int, list[Ending]], history: History) -> Iterable[Violation]:
    for request in ordered:
        allowed = _USUAL | history.expected.get(request.secret, set())
        if any(request.end_ns >= ending.sent_ns for ending in ends.get(request.secret, ())):
            allowed = allowed | _ENDED
        if request.code not in allowed:
            yield Violation("refused", f"{_name(request)} was answered {request.code}")


def _recoveries(ordered: list[Request], faults: Iterable[Fault], bound_ns: int) -> Iterable[Violation]:
    accepts: dict[int, list[int]] = defaultdict(list)
    for request in ordered:
        if request.code == "ok":
            accepts[request.gate].append(request.start_ns)
    for fault in faults:
        for gate in fault.gates:
            if not any(start_ns < fault.start_ns for start_ns in accepts[gate]):
                yield Violation("recovery", f"gate {gate} accepted nothing before {fault.kind}")
            if not any(fault.end_ns <= start_ns <= fault.end_ns + bound_ns for start_ns in accepts[gate]):
                yield Violation("recovery", f"gate {gate} did not recover in time after {fault.kind}")


def _name(request: Request) -> str:
    return f"secret {request.secret} at gate {request.gate}"
