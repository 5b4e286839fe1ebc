"""Private gates for tests that need no database."""

from __future__ import annotations

from pathlib import Path

from keystile import Gate, KeyRecord, mint, new_key_id
from keystile._core import Writer, boottime

SCOPES = ["PSA", "CRM", "Books", "RMM", "Security", "Defend", "Backups", "Voice", "Portal", "Hub"]
TIERS = [("Standard", 60, 100), ("Professional", 300, 500), ("Enterprise", 1000, 2000)]
UNLIMITED = ("Unlimited", 1_000_000_000, 1_000_000_000)


def private_gate(folder: Path) -> Gate:
    """A gate of its own with the default catalogue and a tier that no test can exhaust."""
    return Gate.open(folder / "gate", scopes=SCOPES, tiers=[*TIERS, UNLIMITED], capacity=1_000)


def put_key(gate: Gate, *, scopes: list[str] | None = None, tier: str = "Standard", **more: object) -> tuple[str, str]:
    """Put a new key; its id and its secret."""
    key_id, secret = new_key_id(), mint()
    held = ["PSA"] if scopes is None else scopes
    gate.put(KeyRecord(key_id, gate.digest(secret), scopes=held, tier=tier, **more))  # type: ignore[arg-type]
    return key_id, secret


def counted_gate(folder: Path, tiers: list[tuple[str, int, int]] | None = None) -> Writer:
    """The writing side of a gate, for tests that read counters; to be closed."""
    made = Writer.open(
        folder / "counted",
        capacity=100,
        prefix="tos_",
        peppers=[b"p" * 32],
        failure_rate=60,
        failure_burst=100,
        allow_stale=False,
    )
    made.set_catalogue(SCOPES, tiers or TIERS)
    made.refresh(b"e" * 16, 1, boottime() + 3_600_000_000_000)
    return made


def put_counted(writer: Writer, **more: object) -> str:
    """Put a new key; its secret."""
    secret = mint()
    held = {"scopes": ["PSA"], "tier": "Standard", **more}
    writer.put(KeyRecord(new_key_id(), writer.gate().digest(secret), **held))  # type: ignore[arg-type]
    return secret
