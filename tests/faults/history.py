"""What was done to keys, and which faults there were, with the instants that the checker needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.log import now_ns


@dataclass
class Ending:
    """An operation that ends secrets: a revocation, or a rotation without overlap. Instants as in the log."""

    kind: str
    secrets: tuple[int, ...]
    """Their numbers."""
    sent_ns: int = field(default_factory=now_ns)
    committed_ns: int | None = None
    """When it was known to be committed; None: never."""
    confirmed_ns: int | None = None
    """When it was confirmed that every gate knows; None: never."""

    def committed(self) -> None:
        """It is known to be committed from now on."""
        self.committed_ns = now_ns()

    def confirmed(self) -> None:
        """It is confirmed from now on."""
        self.confirmed_ns = now_ns()


@dataclass
class Fault:
    """Something that went wrong, for some gates."""

    kind: str
    gates: tuple[int, ...]
    """The numbers of the machines that it hits."""
    start_ns: int = field(default_factory=now_ns)
    end_ns: int = 0

    def ended(self) -> None:
        """It is over from now on: recovery must begin without a hand."""
        self.end_ns = now_ns()


@dataclass
class History:
    """Everything that was done during one run."""

    endings: list[Ending] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    key_of: list[str] = field(default_factory=list)
    """The key id of each secret, by its number."""
    expected: dict[int, set[str]] = field(default_factory=dict)
    """For some secrets, by number: what they may be answered besides the usual."""

    def ending(self, kind: str, *secrets: int) -> Ending:
        """An operation that is about to be sent."""
        self.endings.append(Ending(kind, secrets))
        return self.endings[-1]

    def fault(self, kind: str, *gates: int) -> Fault:
        """A fault that begins now."""
        self.faults.append(Fault(kind, gates))
        return self.faults[-1]
