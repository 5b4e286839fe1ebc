"""How a command ends: the exit codes that scripts may rely on, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum

from keystile.errors import KeystileError


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    RATE_LIMITED = 5
    UNREACHABLE = 6


class CommandError(KeystileError):
    """A message for stderr and the exit code to end with."""

    def __init__(self, message: str, code: Exit = Exit.ERROR, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s
        """After how many seconds the Hub says that a retry makes sense; None: it does not say."""
