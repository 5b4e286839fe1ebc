"""Private gates with keys in them."""

from __future__ import annotations

import os
import random
from pathlib import Path

from keystile import Gate, KeyRecord, Scope, mint, new_key_id

LARGEST = 1_000_000_000
"""The most that a tier takes: no benchmark can empty such a bucket."""

BURST = 50_000
"""Tokens of the tier that two processes empty together; it refills one a minute."""

UNKNOWN = b"tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph"
MALFORMED = b"tos_nonsense"

_TIERS = [("Unlimited", LARGEST, LARGEST), ("Exhausted", 1, 1), ("Burst", 1, BURST)]


class World:
    """One gate, and the keys that were put into it."""

    def __init__(self, folder: Path) -> None:
        self.pepper = os.urandom(32)
        self.path = folder / "gate"
        self.gate = Gate.open(self.path, scopes=["PSA", "CRM", "Hub"], tiers=_TIERS, pepper=self.pepper)
        self.psa: Scope = self.gate.scope("PSA")
        self.crm: Scope = self.gate.scope("CRM")

    def key(self, tier: str = "Unlimited") -> bytes:
        """A new key with the scope PSA; its secret."""
        secret = mint().encode()
        self.gate.put(KeyRecord(new_key_id(), self.gate.digest(secret), scopes=["PSA"], tier=tier))
        return secret

    def keys(self, count: int) -> list[bytes]:
        """New keys; their secrets in random order, which is not the order in which they lie in the gate."""
        secrets = [self.key() for _ in range(count)]
        random.Random(count).shuffle(secrets)  # the same order each time
        return secrets


class Standing(World):
    """A gate with one key that no benchmark can exhaust, and one that is exhausted already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secret = self.key()
        self.exhausted = self.key("Exhausted")
        self.gate.check(self.exhausted, self.psa)
