"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; `advice` says what to do where the level is not "ok"."""

    check: str
    level: Level
    detail: str
    advice: str | None = None


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, advice: str) -> Finding:
    """It works, or will, but somebody should look at it."""
    return Finding(check, "warn", detail, advice)


def fail(check: str, detail: str, advice: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(check, "fail", detail, advice)
