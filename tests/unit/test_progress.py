"""A long load tells how far it is, a short one nothing."""

from __future__ import annotations

import logging

import pytest

from keystile.agent.progress import Progress


def test_a_long_load_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "keystile")
    always, never = Progress("loading keys", every_s=0), Progress("reading keys", every_s=3_600)
    for done in (250_000, 1_000_000):
        always.tell(done, 1_000_000)
        never.tell(done)
    always.tell(7)
    assert caplog.messages == [
        "loading keys: 250000 of 1000000 (25 %)",
        "loading keys: 1000000 of 1000000 (100 %)",
        "loading keys: 7",
    ]
